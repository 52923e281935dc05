/** How far a long operation is. Phases come in the order in which they are listed. */

export const backupPhases = ['waiting', 'copying', 'recording', 'done'] as const;
export const restorePhases = [
  'waiting',
  'planning',
  'stopping',
  'fetching',
  'preparing',
  'replaying',
  'checking',
  'loading',
  'cutting_over',
  'done',
] as const;

export const undoPhases = ['waiting', 'planning', 'cutting_over', 'done'] as const;
export const verificationPhases = ['waiting', 'reading', 'done'] as const;

export const proofPhases = [
  'waiting',
  'planning',
  'fetching',
  'preparing',
  'replaying',
  'checking',
  'done',
] as const;

export const copyPhases = ['waiting', 'copying', 'done'] as const;

export type BackupPhase = (typeof backupPhases)[number];
export type RestorePhase = (typeof restorePhases)[number];
export type UndoPhase = (typeof undoPhases)[number];
export type VerificationPhase = (typeof verificationPhases)[number];
export type CopyPhase = (typeof copyPhases)[number];
export type ProofPhase = (typeof proofPhases)[number];
export type Phase = BackupPhase | RestorePhase | UndoPhase | VerificationPhase | CopyPhase | ProofPhase;

/** Sizes in bytes, rates in bytes a second. Within a phase no figure but rate and time left goes back. */
export interface Progress {
  phase: Phase;
  percent: number;
  bytesDone: number;
  bytesTotal: number;
  bytesPerSecond: number;
  etaSeconds: number;
}

export function startOf(phase: Phase, bytesTotal = 0): Progress {
  return { phase, percent: 0, bytesDone: 0, bytesTotal, bytesPerSecond: 0, etaSeconds: 0 };
}

/** All of it was done. */
export function endOf(phase: Phase, bytes: number): Progress {
  return { ...startOf(phase, bytes), percent: 100, bytesDone: bytes };
}

/** The later of two reports: within one phase the one that is further, otherwise `next`. */
export function advance(before: Progress | undefined, next: Progress): Progress {
  if (before?.phase !== next.phase) return next;
  return {
    ...next,
    percent: Math.max(before.percent, next.percent),
    bytesDone: Math.max(before.bytesDone, next.bytesDone),
    bytesTotal: Math.max(before.bytesTotal, next.bytesTotal),
  };
}

/** Figures from bytes and the time they took. A total that is an estimate may be exceeded: 99 % is the most then. */
export function measure(phase: Phase, bytesDone: number, bytesTotal: number, elapsedMs: number): Progress {
  const total = Math.max(bytesTotal, bytesDone);
  const bytesPerSecond = elapsedMs > 0 ? Math.round((bytesDone * 1000) / elapsedMs) : 0;
  const share = total > 0 ? (bytesDone * 100) / total : 0;
  return {
    phase,
    percent: Math.min(99, Math.floor(share)),
    bytesDone,
    bytesTotal: total,
    bytesPerSecond,
    etaSeconds: bytesPerSecond > 0 ? Math.ceil((total - bytesDone) / bytesPerSecond) : 0,
  };
}
