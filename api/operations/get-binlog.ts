/** GET /services/{id}/binlogs/{file}: the segments of an archived binlog. */
import { findService } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { binlogFile, binlogSegments } from '../schemas/history.ts';

export const getBinlog = operation({
  name: 'getBinlog',
  method: 'get',
  path: '/services/{id}/binlogs/{file}',
  summary: 'Get an archived binlog',
  description:
    'The segments of an archived binlog: objects, ranges, digests and recipients. Not available yet.',
  role: 'viewer',
  params: binlogFile,
  query: nothing,
  answer: binlogSegments,
  errors: ['service_not_found', 'not_available'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    await findService(catalog, id, organization);
    throw notAvailable(
      'Archived binlogs are not available yet: none are archived.',
      'Read the binlogs of the server itself.',
    );
  },
});
