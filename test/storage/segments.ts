/** Headers of segments, for tests. */
import { hash } from 'node:crypto';
import type { SegmentHeader } from '../../domain/archive/header.ts';

export const timeline = 'a'.repeat(32);

/** @param given whatever matters to the test; the rest agrees with it */
export function headerOf(given: Partial<SegmentHeader> & { body?: Uint8Array } = {}): SegmentHeader {
  const { body = Buffer.from('body'), ...fields } = given;
  const start = given.start ?? 0;
  const end = given.end ?? start + 1000;
  return {
    format: 1,
    serviceId: 'orders',
    timeline,
    file: 'bin.000001',
    start,
    end,
    wholeEnd: end,
    eventEnd: end,
    gtidBefore: '0-1-1',
    gtidAfter: '0-1-2',
    stateBefore: '0-1-1',
    stateAfter: '0-1-2',
    plainSha256: hash('sha256', 'plain'),
    storedBytes: body.length,
    sha256: hash('sha256', body),
    recipients: [],
    server: { version: '10.11.19-MariaDB', serverId: 1, checksum: 'CRC32', encrypted: false },
    agentId: 'agent',
    shippedAt: '2026-01-31T23:59:59.000Z',
    index: [{ position: start, gtid: '0-1-2', at: '2026-01-31T23:59:58Z' }],
    clock: [{ t0: '2026-01-31T23:59:58.000001Z', position: end, t1: '2026-01-31T23:59:58.000301Z' }],
    ...fields,
  };
}
