/** Announcements as the control worker takes or refuses them, over a real catalog and a real store. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { storageOptions } from '../../config/storage.ts';
import type { RegistrationAnswer } from '../../activities/control/contract.ts';
import type { Plane } from '../../activities/control/plane.ts';
import { recordActivities } from '../../activities/control/records.ts';
import { takeAnnouncement } from '../../activities/control/registration.ts';
import { issueEnrolment } from '../../api/enrolments.ts';
import { openCatalog } from '../../catalog/open.ts';
import type { Catalog } from '../../catalog/types.ts';
import { ratesOfSettings } from '../../domain/archive/rates.ts';
import { digestOfToken, newAgentKeys, publicSigningKey, signAnnouncement } from '../../domain/enrolment.ts';
import { workflowIds } from '../../domain/ids.ts';
import { type Announcement, defaultTimings, type SignedAnnouncement } from '../../domain/operations.ts';
import { noEncryption } from '../../domain/encryption.ts';
import { openStore } from '../../storage/open.ts';
import { writeProbe } from '../../storage/probe.ts';
import { serviceRecord, succeededBackup } from '../api/harness.ts';

let folder: string;
let catalog: Catalog;
let plane: Plane;
let serviceId: string;
const warnings: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'registration-'));
  catalog = await openCatalog(`sqlite://${folder}/catalog.db`);
  await catalog.migrate();
  const quiet = (): void => undefined;
  const log = {
    debug: quiet,
    info: quiet,
    error: quiet,
    warn: (fields: object) => void warnings.push(JSON.stringify(fields)),
  };
  // No operation runs here, so that Temporal is never asked.
  const client = new Client({ connection: Connection.lazy({ address: '127.0.0.1:1' }) });
  plane = {
    catalog,
    store: await openStore(`file://${folder}/store`),
    client,
    log,
    timings: defaultTimings,
    reconcileIntervalMs: 1_000,
    scheduleSpreadMs: 0,
    defaults: {
      retention: { days: 7 },
      nightly: false,
      nightlyWindow: { startMinute: 0, minutes: 360 },
      encryption: noEncryption,
      copies: [],
      copyLocations: [],
      chain: { base: 'last', maxChain: 7, maxShare: 100 },
      binlog: { archive: false, intervalMs: 10_000, fullAfterHole: true },
    },
    retention: { intervalMs: 1_000, graceMs: 0 },
    copies: new Map(),
    copyIntervalMs: 600_000,
    storageOptions: storageOptions.parse({}),
    externalEndpoints: [],
    restoreRates: ratesOfSettings({ physical: 1, dump: 1, binlog: 1, fixedSeconds: 1 }),
    objectsIntervalMs: 86_400_000,
    auditDays: 400,
  };
});

beforeEach(() => {
  serviceId = `db-${randomUUID().slice(0, 8)}`;
  warnings.length = 0;
});

afterAll(async () => {
  await catalog.close();
  await rm(folder, { recursive: true });
});

/** An agent as it is on its host. */
class TestAgent {
  readonly agentId: string;
  readonly keys = newAgentKeys();
  sequence = 1000;

  constructor(agentId: string = randomUUID()) {
    this.agentId = agentId;
  }

  async say(changes: Partial<Announcement> = {}, token?: string): Promise<SignedAnnouncement> {
    this.sequence += 1;
    const probe = randomUUID();
    await writeProbe(plane.store, this.agentId, 'agent', probe);
    const service = serviceRecord({
      serviceId,
      agentId: this.agentId,
      hostname: `host-of-${this.agentId.slice(0, 4)}`,
    });
    const { registeredAt: _registered, lastSeenAt, ...facts } = service;
    const announcement: Announcement = {
      ...facts,
      announcedAt: lastSeenAt,
      signingKey: publicSigningKey(this.keys.signingKey),
      recipient: this.keys.recipient,
      sequence: this.sequence,
      probe,
      ...changes,
    };
    return signAnnouncement(
      announcement,
      this.keys.signingKey,
      token === undefined ? undefined : digestOfToken(token),
    );
  }

  async announce(changes: Partial<Announcement> = {}, token?: string): Promise<RegistrationAnswer> {
    return await send(await this.say(changes, token), this.agentId);
  }
}

async function send(signed: SignedAnnouncement, agentId: string): Promise<RegistrationAnswer> {
  return await takeAnnouncement(plane, signed, workflowIds.agent(agentId));
}

async function token(fields: Partial<Parameters<typeof issueEnrolment>[1]> = {}): Promise<string> {
  const request = { organization: 'acme', serviceId, takeOver: false, createdBy: 'alice', ...fields };
  return (await issueEnrolment(catalog, request)).token;
}

async function enrolled(): Promise<TestAgent> {
  const agent = new TestAgent();
  expect(await agent.announce({}, await token())).toMatchObject({ accepted: true });
  return agent;
}

async function speaker(): Promise<string | undefined> {
  return (await catalog.findService(serviceId))?.agentId;
}

test('what an agent of an earlier version does not say of encryption is not made up', async () => {
  const agent = await enrolled();
  const heeds = async (): Promise<unknown> => {
    const answer = await recordActivities(plane).findAgent({ serviceId });
    return answer.heedsEncryption;
  };
  expect(await heeds()).toBe(true);
  const { encryption: _encryption, ...said } = JSON.parse((await agent.say()).announcement) as Announcement;
  const old = signAnnouncement(said, agent.keys.signingKey);
  expect(await send(old, agent.agentId)).toMatchObject({ accepted: true });
  expect((await catalog.findService(serviceId))?.encryption).toBeUndefined();
  expect(await heeds()).toBe(false);
});

test('what an agent has removed of what restores replaced is no longer said to be kept', async () => {
  const agent = await enrolled();
  const service = (await catalog.findService(serviceId))!;
  const restore = await catalog.createRestore({
    organization: service.organization,
    service,
    backup: await succeededBackup(catalog, service, 'a'),
    mode: 'side-by-side',
    bucket: '',
    message: 'Restore is scheduled.',
    workflowId: (id) => workflowIds.restore(id, 'abc'),
  });
  await catalog.updateRestore(restore.id, { status: 'Succeeded', keptUntil: '2126-02-03T10:00:00.000Z' });
  const kept = async (): Promise<unknown> => (await catalog.findRestore(restore.id))?.previous?.state;
  // Whatever another version makes of it is no reason to refuse its agent.
  const nonsense = [7, null, 'x'.repeat(500)] as unknown as string[];
  expect(await agent.announce({ previousGone: nonsense })).toMatchObject({ accepted: true });
  expect(await kept()).toBe('kept');
  expect(await agent.announce({ previousGone: [restore.workflowId] })).toMatchObject({ accepted: true });
  expect(await kept()).toBe('removed');
});

describe('a token', () => {
  test('enrols its agent, which needs none ever after', async () => {
    const agent = await enrolled();
    expect(await speaker()).toBe(agent.agentId);
    expect(await agent.announce()).toMatchObject({ accepted: true, agentId: agent.agentId });
    expect(await catalog.findAgent(agent.agentId)).toMatchObject({
      state: 'enrolled',
      sequence: agent.sequence,
    });
  });

  test('is good once, also for the same agent with other keys', async () => {
    const good = await token();
    const agent = new TestAgent();
    await agent.announce({}, good);
    for (const other of [new TestAgent(), new TestAgent(agent.agentId)]) {
      const answer = await other.announce({}, good);
      expect(answer).toMatchObject({ accepted: false, revoked: false });
      expect(answer.reason).toContain('was used already');
    }
    expect(await speaker()).toBe(agent.agentId);
  });

  test('is used up by one of two agents that come at once', async () => {
    const good = await token();
    const answers = await Promise.all(
      [new TestAgent(), new TestAgent()].map((agent) => agent.announce({}, good)),
    );
    expect(answers.map(({ accepted }) => accepted).toSorted()).toEqual([false, true]);
  });

  test('that has expired is refused, with the time', async () => {
    const expiresAt = new Date(Date.now() + 50).toISOString();
    const late = await token({ expiresAt });
    await new Promise((resolve) => setTimeout(resolve, 60));
    const { accepted, reason } = await new TestAgent().announce({}, late);
    expect(accepted).toBe(false);
    expect(reason).toContain(`expired at ${expiresAt}`);
  });

  test('of another service or organization is refused', async () => {
    const foreign = [
      await token({ serviceId: 'another' + serviceId }),
      await token({ organization: 'others' }),
      `tme_${'x'.repeat(43)}`,
    ];
    for (const wrong of foreign) {
      const { accepted, reason } = await new TestAgent().announce({}, wrong);
      expect(accepted).toBe(false);
      expect(reason).toContain(`not one for the service ${serviceId} of the organization acme`);
    }
    expect(await speaker()).toBeUndefined();
  });

  test('that was revoked is refused', async () => {
    const request = { organization: 'acme', serviceId, takeOver: false, createdBy: 'alice' };
    const { enrolment, token: gone } = await issueEnrolment(catalog, request);
    await catalog.revokeAgent({ id: enrolment.id, organization: 'acme', message: 'bob revoked it.' });
    expect((await new TestAgent().announce({}, gone)).reason).toContain('used or revoked already');
  });

  test('is not used up by an agent that sees another store', async () => {
    const good = await token();
    const agent = new TestAgent();
    const lost = await agent.announce({ probe: 'something else' }, good);
    expect(lost.reason).toContain('Give both the same storage');
    expect(await agent.announce({}, good)).toMatchObject({ accepted: true });
  });
});

describe('an announcement', () => {
  test('of an agent that was never enrolled is refused, told what to do, and logged', async () => {
    const { accepted, reason } = await new TestAgent().announce();
    expect(accepted).toBe(false);
    expect(reason).toContain(`tidemark agents enroll --service ${serviceId} --organization acme`);
    expect(warnings.join()).toContain(serviceId);
    expect(await speaker()).toBeUndefined();
  });

  test('that another key signed changes nothing', async () => {
    const agent = await enrolled();
    const before = await catalog.findService(serviceId);
    const forger = new TestAgent(agent.agentId);
    forger.sequence = 1_000_000;
    expect(await forger.announce({ hostname: 'thief' })).toMatchObject({ accepted: false });
    // With the right key named, and not had.
    const named = { signingKey: publicSigningKey(agent.keys.signingKey), recipient: agent.keys.recipient };
    expect(await forger.announce({ hostname: 'thief', ...named })).toMatchObject({
      accepted: false,
      agentId: '',
    });
    expect(await catalog.findService(serviceId)).toEqual(before);
    expect(warnings).toHaveLength(2);
  });

  test('whose text was changed, or that is none, changes nothing', async () => {
    const agent = await enrolled();
    const before = await catalog.findService(serviceId);
    const signed = await agent.say();
    const changed = { ...signed, announcement: signed.announcement.replace('host-of', 'host-off') };
    for (const one of [
      changed,
      { announcement: 'null', signature: '' },
      { announcement: '{', signature: '' },
      {},
    ]) {
      expect(await send(one as SignedAnnouncement, agent.agentId)).toMatchObject({ accepted: false });
    }
    expect(await send(signed, 'another-agent')).toMatchObject({ accepted: false });
    expect(await catalog.findService(serviceId)).toEqual(before);
  });

  test('that is sent again is refused once a newer one was taken, and tells where the agent is', async () => {
    const agent = await enrolled();
    const old = await agent.say({ hostname: 'an old name' });
    await agent.announce();
    const answer = await send(old, agent.agentId);
    expect(answer).toMatchObject({ accepted: false, lastSequence: agent.sequence });
    expect((await catalog.findService(serviceId))?.hostname).not.toBe('an old name');
  });

  test('is taken once more by an attempt whose answer was lost', async () => {
    const agent = new TestAgent();
    const signed = await agent.say({}, await token());
    expect(await send(signed, agent.agentId)).toMatchObject({ accepted: true });
    expect(await send(signed, agent.agentId)).toMatchObject({ accepted: true });
  });

  test('for another service than the one that the agent has is refused', async () => {
    const agent = await enrolled();
    const answer = await agent.announce({ serviceId: `${serviceId}-2` });
    expect(answer.reason).toContain(`is enrolled for the service ${serviceId} of the organization acme`);
    const other = await token({ serviceId: `${serviceId}-2` });
    expect((await agent.announce({ serviceId: `${serviceId}-2` }, other)).accepted).toBe(false);
  });

  test("for another organization's service is refused, also with a token of one's own", async () => {
    const early = await token({ organization: 'others' });
    await enrolled();
    const answer = await new TestAgent().announce({ organization: 'others' }, early);
    expect(answer.reason).toContain('belongs to another organization');
  });
});

describe('a second agent', () => {
  test('with a token of before there was the first is refused, and told how it may take over', async () => {
    const [one, two] = [await token(), await token()];
    const first = new TestAgent();
    await first.announce({}, one);
    const { accepted, reason } = await new TestAgent().announce({}, two);
    expect(accepted).toBe(false);
    expect(reason).toContain(first.agentId);
    expect(reason).toContain('take_over: true');
    expect(await speaker()).toBe(first.agentId);
  });

  test('takes over with a token that says so; the first is to be dismissed, and is told', async () => {
    const first = await enrolled();
    const second = new TestAgent();
    const answer = await second.announce({}, await token({ takeOver: true }));
    expect(answer).toMatchObject({ accepted: true, dismissed: [first.agentId] });
    expect(await speaker()).toBe(second.agentId);
    const told = await first.announce();
    expect(told).toMatchObject({
      accepted: false,
      revoked: true,
      finishing: false,
      dismissed: [first.agentId],
    });
    expect(told.reason).toContain(`The agent ${second.agentId} on`);
    await catalog.markDismissed(first.agentId);
    expect(await second.announce()).toMatchObject({ accepted: true, dismissed: [] });
    expect(await speaker()).toBe(second.agentId);
  });

  test('takes a service over from an agent of before there were enrolments only when it may', async () => {
    await catalog.upsertService(serviceRecord({ serviceId, agentId: 'an-old-agent' }));
    expect((await new TestAgent().announce({}, await token())).reason).toContain('an-old-agent');
    const second = new TestAgent();
    const answer = await second.announce({}, await token({ takeOver: true }));
    expect(answer).toMatchObject({ accepted: true, dismissed: ['an-old-agent'] });
    expect(await catalog.findAgent('an-old-agent')).toMatchObject({ state: 'revoked' });
  });

  test('an agent of before there were enrolments keeps its service with any token', async () => {
    const agent = new TestAgent();
    await catalog.upsertService(serviceRecord({ serviceId, agentId: agent.agentId }));
    expect(await agent.announce({}, await token())).toMatchObject({ accepted: true, dismissed: [] });
  });
});

describe('a revoked agent', () => {
  test('is told so, with a token that it used before, too', async () => {
    const good = await token();
    const agent = new TestAgent();
    await agent.announce({}, good);
    await catalog.revokeAgent({ id: agent.agentId, organization: 'acme', message: 'bob revoked it.' });
    expect(await speaker()).toBe('');
    const told = await agent.announce({}, good);
    expect(told).toMatchObject({ accepted: false, revoked: true });
    expect(told.reason).toContain('bob revoked it.');
    expect(await agent.announce({}, await token())).toMatchObject({ accepted: true, revoked: false });
    expect(await speaker()).toBe(agent.agentId);
  });
});

describe('an agent whose store is away', () => {
  const storageProblem = 'The agent cannot use its object store: away.';

  test('goes on when it is known, and its service has a warning', async () => {
    const agent = await enrolled();
    expect(await agent.announce({ storageProblem, probe: '' })).toMatchObject({ accepted: true, probe: '' });
    expect((await catalog.findService(serviceId))?.warnings).toContain(storageProblem);
    expect(await agent.announce()).toMatchObject({ accepted: true });
    expect((await catalog.findService(serviceId))?.warnings).not.toContain(storageProblem);
  });

  test('is not enrolled, and hears why', async () => {
    const agent = new TestAgent();
    const answer = await agent.announce({ storageProblem, probe: '' }, await token());
    expect(answer).toMatchObject({ accepted: false, reason: storageProblem });
  });
});
