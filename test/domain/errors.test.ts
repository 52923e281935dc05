import { expect, test } from '@jest/globals';
import { errorTable } from '../../domain/errors.ts';
import { foreignErrors } from '../../domain/errors/foreign.ts';
import { hostErrors } from '../../domain/errors/host.ts';
import { obstacleErrors } from '../../domain/errors/obstacles.ts';
import { operationErrors } from '../../domain/errors/operations.ts';
import { partErrors } from '../../domain/errors/part.ts';
import { processErrors } from '../../domain/errors/processes.ts';
import { proofErrors } from '../../domain/errors/proofs.ts';
import { replayErrors } from '../../domain/errors/replay.ts';
import { requestErrors } from '../../domain/errors/requests.ts';
import { storeErrors } from '../../domain/errors/store.ts';

test('a name stands for one error: in one subject, and so in the table once', () => {
  const names = [
    requestErrors,
    obstacleErrors,
    processErrors,
    hostErrors,
    replayErrors,
    proofErrors,
    partErrors,
    foreignErrors,
    storeErrors,
    operationErrors,
  ].flatMap((subject) => Object.keys(subject));
  expect(names).toEqual(Object.keys(errorTable));
});
