/** What processes have taken of the machine, as /proc tells it. */
import { readFile } from 'node:fs/promises';

export interface OurProcess {
  name: string;
  pid: number | undefined;
}

/** Of the times in /proc, in every architecture that we know. */
const ticksPerSecond = 100;

/**
 * The peak of the resident memory of each process since its start, in bytes, by its name. Left out: one that is gone,
 * and all of them where there is no /proc.
 */
export async function peakMemory(processes: readonly OurProcess[]): Promise<Record<string, number>> {
  const peaks: Record<string, number> = {};
  for (const { name, pid } of processes) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kibibytes !== undefined) peaks[name] = Number(kibibytes) * 1024;
  }
  return peaks;
}

/**
 * Seconds of the processor that each process has used since its start, by its name, without the programs that it
 * started. Left out: as in {@link peakMemory}.
 */
export async function processorSeconds(processes: readonly OurProcess[]): Promise<Record<string, number>> {
  const seconds: Record<string, number> = {};
  for (const { name, pid } of processes) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    // The name of the program may have anything in it; the fields behind it begin with the third one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system] = [Number(fields[11]), Number(fields[12])];
    if (fields.length > 12) seconds[name] = (user + system) / ticksPerSecond;
  }
  return seconds;
}

/** Seconds in which the machine's processors, together, were busy since it was started; 0 where there is no /proc. */
export async function machineSeconds(): Promise<number> {
  const text = await readFile('/proc/stat', 'utf8').catch(() => '');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] =
    /^cpu +([\d ]+)$/m.exec(text)?.[1]?.split(' ').map(Number) ?? [];
  return (user + nice + system + irq + softIrq) / ticksPerSecond;
}
