/** GET /services/{id}/binlogs/{file}: the segments of an archived binlog. */
import type { SegmentFacts } from '../../domain/archive/facts.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/ids.ts';
import { findService } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { binlogFile, binlogSegments, type BinlogSegmentView } from '../schemas/history.ts';

export const getBinlog = operation({
  name: 'getBinlog',
  method: 'get',
  path: '/services/{id}/binlogs/{file}',
  summary: 'Get an archived binlog',
  description:
    'The segments of an archived binlog: objects, ranges, digests and recipients, by timeline. `npm run agent -- binlog FILE` on a host that holds the identity writes the file as the server wrote it.',
  role: 'viewer',
  params: binlogFile,
  query: nothing,
  answer: binlogSegments,
  errors: ['service_not_found', 'binlog_not_found'],
  async handle({ params: { id, file }, caller: { organization } }, { catalog }) {
    const { serviceId } = await findService(catalog, id, organization);
    const segments = await catalog.segmentsOfFile(serviceId, file);
    if (segments.length === 0) {
      throw new TidemarkError(
        'binlog_not_found',
        `Of ${serviceId} nothing of a binlog "${file}" is archived. GET /services/${serviceId} says what is.`,
      );
    }
    return { service_id: serviceId, file, segments: segments.map((one) => segmentView(serviceId, one)) };
  },
});

function segmentView(serviceId: string, segment: SegmentFacts): BinlogSegmentView {
  const { timeline, start, end, sha256, storedBytes, recipients } = segment;
  return {
    timeline,
    object: objectKeys.segment(serviceId, { ...segment, encrypted: recipients.length > 0 }),
    start,
    end,
    sha256,
    size_bytes: storedBytes,
    recipients,
  };
}
