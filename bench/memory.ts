/** The most memory that processes have held since they were started. */
import { readFile } from 'node:fs/promises';

/**
 * The peak of the resident memory of each process, in bytes, by its name. Left out: one that is gone, and all of them
 * where there is no /proc.
 */
export async function peakMemory(
  processes: readonly { name: string; pid: number | undefined }[],
): Promise<Record<string, number>> {
  const peaks: Record<string, number> = {};
  for (const { name, pid } of processes) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kibibytes !== undefined) peaks[name] = Number(kibibytes) * 1024;
  }
  return peaks;
}
