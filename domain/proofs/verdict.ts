/** What came of a drill, as sentences. */
import { secondsForPeople } from '../durations.ts';
import type { ProofReport, Prover } from './types.ts';

/** An earlier proof of the same instant of the same backup. */
export interface EarlierProof {
  id: number;
  digest: string;
}

/** Whether what was found before of the same instant is what was found now. */
export function differs(report: Pick<ProofReport, 'digest'>, earlier: EarlierProof | undefined): boolean {
  return earlier !== undefined && earlier.digest !== report.digest;
}

/** @param time the instant that was brought back, for people */
export function provenMessage(
  time: string,
  { hostname, ownHost }: Pick<Prover, 'hostname' | 'ownHost'>,
  { tables, rows, seconds, warnings }: ProofReport,
  earlier: EarlierProof | undefined,
): string {
  return [
    `Brought back to ${time} on ${hostname} in ${secondsForPeople(Math.max(1, seconds.total))}: ${tables} tables with ${rows} rows, each checked.`,
    earlier
      ? `Their checksums are those of proof ${earlier.id}, of the same instant.`
      : 'No checksums were taken with the backup, so theirs were compared with none; they are kept with this proof.',
    ...(ownHost
      ? [
          "It was done on the service's own host, as the prover's settings allow: the loss of that host was not practised.",
        ]
      : []),
    ...warnings,
  ].join(' ');
}

export function differingMessage(time: string, earlier: EarlierProof): string {
  return (
    `Brought back to ${time}, the tables have other rows or checksums than in proof ${earlier.id}, of the same instant of ` +
    'the same backup. Verify the backup, and prove it on another host.'
  );
}
