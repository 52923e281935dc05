/** What processes have taken of the machine, as /proc tells it. */
import { readdir, readFile } from 'node:fs/promises';

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
 *
 * @param options `withPrograms`: with those of them that have ended, and those that run
 */
export async function processorSeconds(
  processes: readonly OurProcess[],
  { withPrograms = false } = {},
): Promise<Record<string, number>> {
  const seconds: Record<string, number> = {};
  const all = withPrograms ? await allProcesses() : [];
  for (const { name, pid } of processes) {
    const own = await statOf(pid);
    if (!own) continue;
    if (!withPrograms) seconds[name] = own.alone;
    else {
      const below = descendants(all, own.pid);
      seconds[name] = [own, ...below].reduce((sum, { whole }) => sum + whole, 0);
    }
  }
  return seconds;
}

interface ProcessStat {
  pid: number;
  parent: number;
  /** Seconds of itself, and with those of its programs that have ended. */
  alone: number;
  whole: number;
}

async function statOf(pid: number | undefined): Promise<ProcessStat | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name of the program may have anything in it; the fields behind it begin with the third one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (pid === undefined || fields.length < 15) return undefined;
  const [user = 0, system = 0, ...ended] = fields.slice(11, 15).map(Number);
  const alone = (user + system) / ticksPerSecond;
  const whole = alone + ended.reduce((sum, ticks) => sum + ticks, 0) / ticksPerSecond;
  return { pid, parent: Number(fields[1]), alone, whole };
}

async function allProcesses(): Promise<ProcessStat[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(pids.map((pid) => statOf(pid)));
  return all.filter((one) => one !== undefined);
}

function descendants(all: readonly ProcessStat[], pid: number): ProcessStat[] {
  const children = all.filter(({ parent }) => parent === pid);
  return children.flatMap((child) => [child, ...descendants(all, child.pid)]);
}

/** Seconds in which the machine's processors, together, were busy since it was started; 0 where there is no /proc. */
export async function machineSeconds(): Promise<number> {
  const text = await readFile('/proc/stat', 'utf8').catch(() => '');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] =
    /^cpu +([\d ]+)$/m.exec(text)?.[1]?.split(' ').map(Number) ?? [];
  return (user + nice + system + irq + softIrq) / ticksPerSecond;
}
