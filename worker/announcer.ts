/** An agent makes itself and its server known: at its start, when something changed, and regularly. */
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Host } from '../activities/host/host.ts';
import { publicSigningKey, signAnnouncement } from '../domain/enrolment.ts';
import { messageOf } from '../domain/errors.ts';
import { controlTaskQueue, workflowIds } from '../domain/ids.ts';
import type { Announcement, Registration } from '../domain/operations.ts';
import { removedPrevious } from '../mariadb/cutover/previous.ts';
import { programVersion } from '../mariadb/programs.ts';
import { inspectLayout } from '../mariadb/server/layout.ts';
import { identityWarnings } from '../mariadb/restore/identity.ts';
import { isServing } from '../mariadb/server/lifecycle.ts';
import { checkServer } from '../mariadb/server/requirements.ts';
import { writeProbe } from '../storage/probe.ts';
import { probeBucket } from '../storage/bucket-probe.ts';
import { within } from '../storage/network/within.ts';
import { writeServiceFile } from '../storage/service-file.ts';
import type { ObjectStore } from '../storage/store.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { AgentIdentity } from './agent-identity.ts';
import { readTokenFile, type TokenFile } from './enrolment-token.ts';
import type { Waker } from './waker.ts';

/** How often it is looked whether the server came or went, or another token is there. */
const lookMs = 5_000;
/** How long one that was refused waits before it asks again; each further pause is twice as long. */
const firstRefusedPauseMs = 10_000;
const longestRefusedPauseMs = 5 * 60_000;
/** How long the answer to an announcement is waited for. */
const answerMs = 60_000;
/** How long the store is waited for: an announcement without it says so. */
const storeMs = 20_000;
/** How soon the next announcement comes after one whose store was away. */
const storageProblemMs = 30_000;

export interface Speaker {
  host: Host;
  identity: AgentIdentity;
  /** Where its enrolment token may be. */
  tokenFile: string | undefined;
  waker: Waker;
}

export class Announcer {
  readonly #speaker: Speaker;
  readonly #warned = new Set<string>();
  #released = false;
  #sequence = 0;
  #dueAt = 0;
  #refusals = 0;
  #toldReason = '';
  #registered = false;
  #servedThen: boolean | undefined;
  /** The token that the last announcement came with; empty for none. */
  #triedToken = '';

  constructor(speaker: Speaker) {
    this.#speaker = speaker;
  }

  /** Whether this agent was revoked, and must not take orders. */
  get released(): boolean {
    return this.#released;
  }

  /**
   * Announces until the signal, or until `released` has changed. A failure is logged and tried again: nothing here may
   * end the agent.
   */
  async run(client: Client, signal: AbortSignal): Promise<void> {
    const { host, tokenFile, waker } = this.#speaker;
    const released = this.#released;
    while (!signal.aborted && this.#released === released) {
      try {
        const serves = await isServing(host.settings.server);
        const token = await readTokenFile(tokenFile);
        const another = token.digest !== undefined && token.digest !== this.#triedToken;
        if (another && released) {
          // Its queues have to be served for an answer to come.
          this.#released = false;
          this.#dueAt = 0;
          return;
        }
        if (Date.now() >= this.#dueAt || serves !== this.#servedThen || (another && !this.#registered)) {
          await this.#announce(client, token, signal);
          this.#servedThen = serves;
        }
      } catch (error) {
        if (!signal.aborted)
          host.log.warn({ reason: messageOf(error) }, 'The agent could not announce itself.');
      }
      if (await waker.rest(lookMs, signal)) this.#dueAt = 0;
    }
  }

  async #announce(client: Client, token: TokenFile, signal: AbortSignal): Promise<void> {
    const { host, identity } = this.#speaker;
    this.#sequence = Math.max(Date.now(), this.#sequence + 1);
    const announcement = await describe(host, identity, this.#sequence);
    for (const warning of announcement.warnings) {
      if (!this.#warned.has(warning))
        host.log.warn({ warning }, 'What the agent sees may keep backups from being taken.');
      this.#warned.add(warning);
    }
    const digest = this.#registered ? undefined : token.digest;
    const signed = signAnnouncement(announcement, identity.signingKey, digest);
    const workflowId = workflowIds.agent(host.agentId);
    await client.workflow.signalWithStart('agent', {
      taskQueue: controlTaskQueue,
      workflowId,
      signal: 'announce',
      signalArgs: [signed],
      staticSummary: `agent of ${announcement.serviceId} on ${announcement.hostname}`,
    });
    this.#triedToken = digest ?? this.#triedToken;
    const answer = await answerTo(client, workflowId, signed.signature, signal);
    if (answer.accepted) {
      this.#accept();
      if (announcement.storageProblem !== undefined) {
        this.#dueAt = Math.min(this.#dueAt, Date.now() + storageProblemMs);
        return;
      }
      await within(storeMs, host.store.location, (late) =>
        writeServiceFile(host.store, announcement, announcement.announcedAt, late),
      );
    } else {
      this.#refuse(answer, token);
    }
  }

  #accept(): void {
    const { log, settings } = this.#speaker.host;
    if (!this.#registered) log.info({}, 'The service is registered.');
    this.#registered = true;
    this.#released = false;
    this.#refusals = 0;
    this.#toldReason = '';
    this.#dueAt = Date.now() + settings.announce_interval;
  }

  #refuse(answer: Registration, token: TokenFile): void {
    const { log } = this.#speaker.host;
    this.#registered = false;
    if (answer.lastSequence >= this.#sequence) {
      // The clock was set back, or an older state directory put back: what was said last is the beginning.
      this.#sequence = answer.lastSequence;
      this.#dueAt = 0;
      return;
    }
    const { revoked, finishing } = answer;
    const reason = [answer.reason, ...(token.digest === undefined ? [token.obstacle] : [])].join(' ');
    if (reason !== this.#toldReason) log.error({ reason }, 'The service was not registered.');
    this.#toldReason = reason;
    if (revoked && !finishing && !this.#released) {
      this.#released = true;
      log.warn({}, 'This agent takes no more orders: it releases its queues until it is enrolled again.');
    }
    this.#refusals += 1;
    const pause = Math.min(firstRefusedPauseMs * 2 ** (this.#refusals - 1), longestRefusedPauseMs);
    this.#dueAt = Date.now() + (finishing ? lookMs : pause);
  }
}

async function answerTo(
  client: Client,
  workflowId: string,
  signature: string,
  signal: AbortSignal,
): Promise<Registration> {
  const deadline = Date.now() + answerMs;
  while (Date.now() < deadline) {
    const answer = await client.workflow
      .getHandle(workflowId)
      .query<Registration | undefined, [string]>('registration', signature);
    if (answer) return answer;
    await sleep(250, undefined, { signal });
  }
  throw new Error('no control worker has answered the announcement yet');
}

/** Stores of which it was seen, since this process began, that a backup can be written there. */
const takesBackups = new WeakSet<ObjectStore>();

async function storageProblemOf(
  store: ObjectStore,
  agentId: string,
  probe: string,
): Promise<string | undefined> {
  try {
    await within(storeMs, store.location, async (late) => {
      await writeProbe(store, agentId, 'agent', probe, late);
      if (takesBackups.has(store)) return;
      await probeBucket(store, late);
      takesBackups.add(store);
    });
    return undefined;
  } catch (error) {
    return `The agent cannot use its object store: ${messageOf(error)}`;
  }
}

async function describe(
  { agentId, settings, store }: Host,
  identity: AgentIdentity,
  sequence: number,
): Promise<Announcement> {
  const { server, backup, restore } = settings;
  const probe = randomUUID();
  const storageProblem = await storageProblemOf(store, agentId, probe);
  const previousGone = await removedPrevious(settings.state_directory).catch(() => []);
  return {
    agentId,
    signingKey: publicSigningKey(identity.signingKey),
    recipient: identity.recipient,
    sequence,
    organization: settings.organization,
    serviceId: settings.service_id,
    serviceName: settings.service_name ?? settings.service_id,
    labels: settings.labels,
    cloudProvider: settings.cloud_provider,
    serverName: settings.server_name ?? settings.service_id,
    serverVersion: await programVersion(server, 'mariadbd'),
    serverRunning: await isServing(server),
    layout: await inspectLayout(server),
    storage: store.location,
    probe,
    ...(storageProblem !== undefined && { storageProblem }),
    hostname: os.hostname(),
    agentVersion: packageJson.version,
    warnings: [...(await checkServer(server)), ...(await identityWarnings(restore))],
    encryption: { recipients: backup.recipients, unencrypted: backup.unencrypted },
    ...(settings.prover && { prover: { ownHost: settings.prover.own_host } }),
    ...(previousGone.length > 0 && { previousGone }),
    announcedAt: new Date().toISOString(),
  };
}
