/** `npm start` as a script runs it: a process, its one line on stdout, and its end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../embedded/paths.ts';

export interface Announcement {
  ready: boolean;
  api: string;
  token: string;
  temporal_ui: string;
  temporal_address: string;
  services: { service_id: string; socket: string; defaults_file: string; data_directory: string }[];
}

export interface Started {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves to the exit code. */
  ended: Promise<number | null>;
}

/** Starts a program of ours in a process of its own. @param variables of its environment, beside those of the test */
export function startProgram(file: string, args: string[], variables: Record<string, string> = {}): Started {
  const environment = { ...process.env, ...variables };
  delete environment['NODE_OPTIONS'];
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(repositoryRoot, file), ...args],
    { env: environment, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

/** Free ports, so that suites do not meet. */
const freePorts = ['--port', '0', '--temporal-port', '0', '--ui-port', '0'];

export function startStackProgram(
  data: string,
  args: string[] = [],
  variables: Record<string, string> = {},
): Started {
  const common = ['--data', data, '--json', '--nightly', 'off', ...freePorts];
  return startProgram('embedded/start.ts', [...common, ...args], variables);
}

/** Waits for the line that says that all is ready. */
export async function announced(started: Started): Promise<Announcement> {
  await until(() => started.stdout().includes('\n') || started.child.exitCode !== null);
  if (started.child.exitCode !== null) throw new Error(`It ended: ${started.stderr()}`);
  return JSON.parse(started.stdout()) as Announcement;
}

export async function until(condition: () => boolean | Promise<boolean>, limitMs = 180_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > end)
      throw new Error(`It did not happen within ${limitMs / 1000} s: ${condition.toString()}`);
    await sleep(50);
  }
}

/** Command lines of the processes that name a folder. */
export function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        return command.includes(folder) || environment.includes(`=${folder}/`) ? [`${pid} ${command}`] : [];
      } catch {
        return [];
      }
    });
}
