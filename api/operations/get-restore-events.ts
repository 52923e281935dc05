/** GET /restores/{id}/events: the progress of a restore as it happens. */
import { z } from '@hono/zod-openapi';
import { findRestore } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { restoreId } from '../schemas/restore.ts';

export const getRestoreEvents = operation({
  name: 'getRestoreEvents',
  method: 'get',
  path: '/restores/{id}/events',
  summary: 'Follow a restore',
  description:
    'Server-sent events: each `data` is the Restore as JSON, the last when it has ended. Not available yet.',
  role: 'viewer',
  params: restoreId,
  query: nothing,
  answer: z.string(),
  answerType: 'text/event-stream',
  errors: ['restore_not_found', 'not_available'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    await findRestore(catalog, id, organization);
    throw notAvailable(
      'Following a restore by server-sent events is not available yet.',
      `Ask GET /restores/${id} again and again: it has the progress.`,
    );
  },
});
