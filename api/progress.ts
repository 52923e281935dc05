/**
 * How far a running operation is now: from the heartbeat of its activity, else from its workflow, else from the
 * catalog. A figure that was answered once is never taken back within its phase, whichever of the three it came from.
 */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { z } from 'zod';
import type { BackupRecord, RestoreRecord } from '../catalog/types.ts';
import type { ProofRecord } from '../catalog/proof-types.ts';
import type { VerificationRecord } from '../catalog/verification-types.ts';
import type { FollowState } from '../domain/archive/facts.ts';
import { workflowIds } from '../domain/ids.ts';
import { isFinal, type WorkflowStatus } from '../domain/operations.ts';
import {
  advance,
  backupPhases,
  type Phase,
  type Progress,
  proofPhases,
  restorePhases,
  verificationPhases,
} from '../domain/progress.ts';

/** How long Temporal, and after it the workflow, may take before the catalog answers alone. Milliseconds. */
const describeMs = 1_500;
const queryMs = 1_500;
/** For how long an answer of Temporal's serves others who ask the same: agents report some two seconds apart. Milliseconds. */
const freshMs = 500;
/** How many operations are remembered; a forgotten one only loses the promise that nothing goes back. */
const remembered = 1_000;

const figure = z.number().nonnegative();
/** A heartbeat is made by an agent that may be of another version. */
const heartbeat = z.object({
  phase: z.enum([...backupPhases, ...restorePhases, ...verificationPhases, ...proofPhases]),
  percent: figure.max(100),
  bytesDone: figure,
  bytesTotal: figure,
  bytesPerSecond: figure,
  etaSeconds: figure,
  /** A sentence on what is waited for meanwhile. */
  waiting: z.string().max(4000).optional(),
});

const place = z.object({ file: z.string(), position: figure });
const followState: z.ZodType<FollowState> = z.object({
  timeline: z.string(),
  archived: place.extend({ gtid: z.string() }),
  archivedTime: z.string().optional(),
  server: place.optional(),
  lookedAt: z.string(),
  lagBytes: figure,
  spoolBytes: figure,
  trouble: z.string(),
});

type Followed = BackupRecord | RestoreRecord | VerificationRecord | ProofRecord;

/** What is known now and not in the catalog yet. */
type Live = { progress: Progress; message?: string; waiting?: string | undefined };

interface Look {
  /** What the catalog said when it began. */
  stored: string;
  /** When it is old, by the process's clock. */
  until: number;
  live: Promise<Live | undefined>;
}

export interface LiveProgress {
  /** The record with the newest progress and message. Never fails: without Temporal it is what the catalog says. */
  ofBackup(record: BackupRecord): Promise<BackupRecord>;
  ofRestore(record: RestoreRecord): Promise<RestoreRecord>;
  ofVerification(record: VerificationRecord): Promise<VerificationRecord>;
  ofProof(record: ProofRecord): Promise<ProofRecord>;
  /** Where the follower of a service's binlog stood a moment ago; undefined when nobody says. Never fails. */
  ofFollower(serviceId: string): Promise<FollowState | undefined>;
}

export function progressThrough(client: Client): LiveProgress {
  const highest = new Map<string, Progress>();
  const asked = new Map<string, Look>();

  /**
   * Many may watch one operation, and each answer costs a look by Temporal: those who ask within a moment share one,
   * unless the catalog has it a step further since.
   */
  function shared(workflowId: string, { status, progress, message }: Followed): Promise<Live | undefined> {
    const stored = [status, progress?.phase, message].join('\n');
    const before = asked.get(workflowId);
    if (before?.stored === stored && performance.now() < before.until) return before.live;
    const look: Look = { stored, until: Infinity, live: liveOf(client, workflowId) };
    void look.live.then(() => (look.until = performance.now() + freshMs));
    remember(asked, workflowId, look);
    return look.live;
  }

  async function follow<R extends Followed>(
    workflowId: string,
    phases: readonly Phase[],
    record: R,
  ): Promise<R> {
    if (isFinal(record.status)) {
      highest.delete(workflowId);
      asked.delete(workflowId);
      return record;
    }
    const live = await shared(workflowId, record);
    const before = highest.get(workflowId);
    const next = live?.progress ?? laterPhase(phases, before, record.progress);
    if (!next) return record;
    const progress = advance(before, next);
    remember(highest, workflowId, progress);
    // For what an operation waits is found out outside of its workflow, and stands in the catalog alone.
    const told = next.phase === 'waiting' ? undefined : live?.message;
    const message = live?.waiting === undefined ? told : `${told ?? record.message} ${live.waiting}`;
    return { ...record, progress, ...(message === undefined ? {} : { message }) };
  }

  return {
    ofBackup: async (record) =>
      follow(workflowIds.backup(record.id, record.scheduleId), backupPhases, record),
    ofRestore: async (record) => follow(record.workflowId, restorePhases, record),
    ofVerification: async (record) => follow(record.workflowId, verificationPhases, record),
    ofProof: async (record) => follow(record.workflowId, proofPhases, record),
    async ofFollower(serviceId) {
      try {
        return await client.connection.withDeadline(Date.now() + describeMs, async () =>
          lastHeartbeat(client.workflow.getHandle(workflowIds.follow(serviceId)), followState),
        );
      } catch {
        return undefined;
      }
    },
  };
}

/** The catalog is written at each phase's begin only, so it may be behind what was answered before. */
function laterPhase(
  phases: readonly Phase[],
  before: Progress | undefined,
  stored: Progress | undefined,
): Progress | undefined {
  if (!before || !stored) return stored ?? before;
  return phases.indexOf(stored.phase) < phases.indexOf(before.phase) ? before : stored;
}

function remember<V>(memory: Map<string, V>, workflowId: string, value: V): void {
  memory.delete(workflowId);
  memory.set(workflowId, value);
  const [oldest] = memory.keys();
  if (memory.size > remembered && oldest !== undefined) memory.delete(oldest);
}

/** Undefined when Temporal, or the workflow, does not say: the answer then rests on the catalog. */
async function liveOf(client: Client, workflowId: string): Promise<Live | undefined> {
  const handle = client.workflow.getHandle(workflowId);
  const { connection } = client;
  try {
    const beat = await connection.withDeadline(Date.now() + describeMs, async () =>
      lastHeartbeat(handle, heartbeat),
    );
    if (beat) return liveIn(beat);
    const status = await connection.withDeadline(Date.now() + queryMs, async () =>
      handle.query<WorkflowStatus>('status'),
    );
    return { progress: status.progress, message: status.message };
  } catch {
    return undefined;
  }
}

function liveIn({ waiting, ...progress }: z.infer<typeof heartbeat>): Live {
  return { progress, waiting };
}

async function lastHeartbeat<T>(handle: WorkflowHandle, shape: z.ZodType<T>): Promise<T | undefined> {
  const { raw } = await handle.describe();
  for (const { heartbeatDetails } of (raw.pendingActivities ?? []).toReversed()) {
    const payload = heartbeatDetails?.payloads?.[0];
    const decoded = shape.safeParse(payload ? defaultPayloadConverter.fromPayload(payload) : undefined);
    if (decoded.success) return decoded.data;
  }
  return undefined;
}
