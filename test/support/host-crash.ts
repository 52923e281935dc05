/** A host that goes down with all that runs on it, and comes up again as a system's start brings it up. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { guardName } from '../../mariadb/cutover/guard.ts';
import { findServerProcess } from '../../mariadb/server/lifecycle.ts';
import { processesOfRun } from './leftovers.ts';
import { runFolder } from './run.ts';
import { ready, type TestService } from './stack.ts';

/** SIGKILL at once to the agent, its server, and all that either has started. What the disk was told stays. */
export async function crashHost(service: TestService): Promise<void> {
  const { agent, server, stateDirectory } = service;
  for (;;) {
    const serverPid = await findServerProcess(server.settings);
    const of = new Set([agent.running ? agent.pid : undefined, serverPid]);
    const all = processesOfRun(runFolder());
    const places = [`${server.folder}/`, `${stateDirectory}/`];
    for (const { pid, command } of all)
      if (places.some((place) => command.includes(place)) && !/jest/.test(command)) of.add(pid);
    for (let size = 0; size !== of.size;) {
      size = of.size;
      for (const { pid, parent } of all) if (of.has(parent)) of.add(pid);
    }
    of.delete(undefined);
    if (of.size === 0) break;
    for (const pid of of) kill(pid!);
    await sleep(20);
  }
  await agent.end('SIGKILL');
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in between.
  }
}

/** The server first, unless its files are being moved: as systemd does with the condition in its unit. */
export async function bootHost({ agent, server, stateDirectory }: TestService): Promise<void> {
  if (!existsSync(path.join(stateDirectory, guardName))) await server.start();
  await agent.start(ready.agent);
}
