/** Segments on their way into the archive: new ones, and large ones in place of small ones. */
import type { ServerSettings } from '../../config/agent.ts';
import type { ClockSample } from '../../domain/archive/facts.ts';
import {
  joinedHeader,
  sampledOf,
  type SegmentArchive,
  segmentFormat,
  type SegmentHeader,
  type StoredBytes,
} from '../../domain/archive/header.ts';
import type { CutFacts } from '../../domain/archive/track.ts';
import { type Encoded, encodeRange } from './encode.ts';
import type { SpoolFile } from './spool-file.ts';

export interface ShippingOptions {
  server: ServerSettings;
  archive: SegmentArchive;
  serviceId: string;
  agentId: string;
  recipients: readonly string[];
  level: number;
  /** For what passes through on its way; the processes are recorded in it. */
  folder: string;
  signal: AbortSignal;
}

/** What is put into the archive, and may be put again. */
export interface Shipment {
  header: SegmentHeader;
  body: Buffer;
}

/** @throws archive_failed, tool_missing; the signal's reason */
export async function packed(
  spool: SpoolFile,
  { timeline, file }: { timeline: string; file: string },
  facts: CutFacts,
  clock: ClockSample[],
  options: ShippingOptions,
): Promise<Shipment> {
  const encoded = await encodeRange(spool, facts, options);
  const { serviceId, agentId } = options;
  const header: SegmentHeader = {
    format: segmentFormat,
    serviceId,
    timeline,
    file,
    ...facts,
    ...sampledOf(clock),
    ...storedOf(encoded, options),
    clock,
    agentId,
  };
  return { header, body: encoded.body };
}

/** @param parts which meet; their bytes are in the spool. @throws as {@link packed} */
export async function packedTogether(
  spool: SpoolFile,
  parts: readonly SegmentHeader[],
  options: ShippingOptions,
): Promise<Shipment> {
  const range = { start: parts[0]!.start, end: parts.at(-1)!.end };
  const encoded = await encodeRange(spool, range, options);
  const { agentId } = options;
  return { header: { ...joinedHeader(parts, storedOf(encoded, options)), agentId }, body: encoded.body };
}

function storedOf({ body, sha256, plainSha256 }: Encoded, { recipients }: ShippingOptions): StoredBytes {
  const shippedAt = new Date().toISOString();
  return { plainSha256, storedBytes: body.length, sha256, recipients: [...recipients], shippedAt };
}
