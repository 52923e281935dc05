/** What a host can open, asked while a restore is planned: no attempt of it has begun that would end what is left. */
import { mkdir, rm } from 'node:fs/promises';
import { Context } from '@temporalio/activity';
import type { HostIdentities } from '../../domain/restore-plan.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { endLeftovers } from '../../mariadb/processes/record.ts';
import { inspectIdentities } from '../../mariadb/restore/identity.ts';
import { type Host, operationFolder } from './host.ts';

/**
 * The command for the identity is recorded below a folder of this question, which is gone when it is answered; after a
 * kill the agent ends the command at its start.
 *
 * @param operation the restore's name on its host
 */
export async function identitiesFor(host: Host, operation: string): Promise<HostIdentities> {
  const { restore } = host.settings;
  return await asking(host, operation, (question) => inspectIdentities(restore, question));
}

/** Has something found out while a restore is planned; what was needed for it is gone afterwards. */
export async function asking<T>(
  host: Host,
  operation: string,
  work: (question: Attempt) => Promise<T>,
): Promise<T> {
  const { settings, log } = host;
  const signal = Context.current().cancellationSignal;
  const folder = operationFolder(settings.state_directory, `${operation}-plan`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await endLeftovers(folder);
    return await work({ folder, signal, log, report: () => undefined });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
