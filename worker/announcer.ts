/** An agent makes itself and its server known: at its start, when something changed, and regularly. */
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Host } from '../activities/host/host.ts';
import { messageOf } from '../domain/errors.ts';
import { controlTaskQueue, workflowIds } from '../domain/ids.ts';
import type { Announcement } from '../domain/operations.ts';
import { programVersion } from '../mariadb/programs.ts';
import { inspectLayout } from '../mariadb/server/layout.ts';
import { isServing } from '../mariadb/server/lifecycle.ts';
import { checkServer } from '../mariadb/server/requirements.ts';
import { writeProbe } from '../storage/probe.ts';
import { writeServiceFile } from '../storage/service-file.ts';
import packageJson from '../package.json' with { type: 'json' };

/** How often it is looked whether the server came or went. */
const lookMs = 5_000;
/** How long one that was refused waits before it asks again. */
const refusedPauseMs = 20_000;
/** How long the answer to an announcement is waited for. */
const answerMs = 60_000;

/** Announces until the signal. A failure is logged and tried again: nothing here may end the agent. */
export async function announceForEver(host: Host, client: Client, signal: AbortSignal): Promise<void> {
  let announcedAt = 0;
  let servedThen: boolean | undefined;
  let refusedFor = '';
  let registered = false;
  const warned = new Set<string>();
  while (!signal.aborted) {
    try {
      const serves = await isServing(host.settings.server);
      // One that was refused asks again soon, but not so often that it wins by chance while the right agent restarts.
      const due = refusedFor === '' ? host.settings.announce_interval : refusedPauseMs;
      if (serves !== servedThen || Date.now() - announcedAt >= due) {
        const announcement = await describe(host);
        for (const warning of announcement.warnings) {
          if (!warned.has(warning))
            host.log.warn({ warning }, 'What the agent sees may keep backups from being taken.');
          warned.add(warning);
        }
        const reason = await announce(host, client, announcement, signal);
        if (reason !== '' && reason !== refusedFor)
          host.log.error({ reason }, 'The service was not registered.');
        if (reason === '' && !registered) host.log.info({}, 'The service is registered.');
        registered = reason === '';
        refusedFor = reason;
        announcedAt = Date.now();
        servedThen = serves;
      }
    } catch (error) {
      if (!signal.aborted)
        host.log.warn({ reason: messageOf(error) }, 'The agent could not announce itself.');
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined);
  }
}

/** @returns why the service was refused; empty when it was not */
async function announce(
  host: Host,
  client: Client,
  announcement: Announcement,
  signal: AbortSignal,
): Promise<string> {
  await writeProbe(host.store, host.agentId, 'agent', announcement.probe);
  const workflowId = workflowIds.agent(host.agentId);
  await client.workflow.signalWithStart('agent', {
    taskQueue: controlTaskQueue,
    workflowId,
    signal: 'announce',
    signalArgs: [announcement],
    staticSummary: `agent of ${announcement.serviceId} on ${announcement.hostname}`,
  });
  const reason = await answerTo(client, workflowId, announcement.announcedAt, signal);
  if (reason === '') await writeServiceFile(host.store, announcement, announcement.announcedAt);
  return reason;
}

async function answerTo(
  client: Client,
  workflowId: string,
  announcedAt: string,
  signal: AbortSignal,
): Promise<string> {
  const deadline = Date.now() + answerMs;
  while (Date.now() < deadline) {
    const answer = await client.workflow
      .getHandle(workflowId)
      .query<{ announcedAt: string; reason: string } | undefined>('registration');
    if (answer && answer.announcedAt >= announcedAt) return answer.reason;
    await sleep(250, undefined, { signal });
  }
  throw new Error('no control worker has answered the announcement yet');
}

async function describe(host: Host): Promise<Announcement> {
  const { agentId, settings } = host;
  const { server } = settings;
  return {
    agentId,
    organization: settings.organization,
    serviceId: settings.service_id,
    serviceName: settings.service_name ?? settings.service_id,
    labels: settings.labels,
    cloudProvider: settings.cloud_provider,
    serverName: settings.server_name ?? settings.service_id,
    serverVersion: await programVersion(server, 'mariadbd'),
    serverRunning: await isServing(server),
    layout: await inspectLayout(server),
    storage: host.store.location,
    probe: randomUUID(),
    hostname: os.hostname(),
    agentVersion: packageJson.version,
    warnings: await checkServer(server),
    announcedAt: new Date().toISOString(),
  };
}
