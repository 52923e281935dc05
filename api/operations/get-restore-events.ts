/** GET /restores/{id}/events: the progress of a restore as it happens. */
import { z } from '@hono/zod-openapi';
import { subjectKey } from '../auth/caller.ts';
import { EventStream, eventStream } from '../event-stream.ts';
import { findRestore } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { restoreId } from '../schemas/restore.ts';

export const getRestoreEvents = operation({
  name: 'getRestoreEvents',
  method: 'get',
  path: '/restores/{id}/events',
  summary: 'Follow a restore',
  description:
    'Server-sent events: `restore` at the beginning and with each change, `end` with the last one, when the restore, or its undo, has ended; `removed` when it was taken off the lists. The `data` of each is the whole Restore as JSON. A stream that breaks off before `end` is taken up by asking again, with the last `id` in `Last-Event-ID`, as `EventSource` does by itself.',
  role: 'viewer',
  params: restoreId,
  query: nothing,
  headers: z.object({
    'Last-Event-ID': z.string().max(255).optional().openapi({
      description: 'The `id` of the last event that came: what is there now comes only where it is another.',
    }),
  }),
  answer: eventStream,
  answerType: 'text/event-stream',
  nothing: 'Nothing comes after the event that is named in `Last-Event-ID`: do not ask again',
  errors: ['restore_not_found', 'too_many_streams', 'streams_exhausted'],
  async handle({ params: { id }, caller }, { catalog, restoreEvents }) {
    const record = await findRestore(catalog, id, caller.organization);
    return new EventStream(await restoreEvents.watch(record, subjectKey(caller), caller.expiresAt));
  },
});
