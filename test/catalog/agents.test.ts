import { randomBytes, randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { AgentRecord } from '../../catalog/agent-types.ts';
import type { Catalog, ServiceRecord } from '../../catalog/types.ts';
import { describeOnBoth } from './databases.ts';
import { newService, registered } from './records.ts';

const page = { page: 1, pageSize: 10, order: 'asc' } as const;

async function pending(
  catalog: Catalog,
  service: ServiceRecord,
  changes: { takeOver?: boolean; expiresAt?: string } = {},
): Promise<AgentRecord> {
  return await catalog.createEnrolment({
    organization: service.organization,
    serviceId: service.serviceId,
    tokenDigest: randomBytes(32).toString('hex'),
    takeOver: false,
    createdBy: 'alice',
    expiresAt: new Date(Date.now() + 60_000).toISOString(),
    ...changes,
  });
}

describeOnBoth('agents', (database) => {
  const keys = { signingKey: 'a key', recipient: 'age1…', sequence: 7 };

  async function enrolled(service: ServiceRecord): Promise<AgentRecord> {
    const { id } = await pending(database.catalog, service);
    expect(await database.catalog.enrolAgent({ id, ...keys, service })).toEqual({ outcome: 'enrolled' });
    return (await database.catalog.findEnrolledAgent(service.serviceId)) as AgentRecord;
  }

  const agentOf = (): ServiceRecord => newService({ agentId: randomUUID() });

  test('a token waits for its agent, and becomes it, with its service', async () => {
    const service = agentOf();
    const { catalog } = database;
    const token = await pending(catalog, service);
    expect(token).toMatchObject({
      state: 'pending',
      serviceId: service.serviceId,
      hostname: '',
      createdBy: 'alice',
    });
    expect(await catalog.findService(service.serviceId)).toBeUndefined();
    const [known] = await catalog.enrolmentsOf(service.organization, service.serviceId);
    expect(known?.tokenDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(await catalog.enrolmentsOf('others', service.serviceId)).toEqual([]);
    await catalog.enrolAgent({ id: token.id, ...keys, service });
    expect(await catalog.findAgent(service.agentId)).toMatchObject({
      ...keys,
      id: token.id,
      state: 'enrolled',
      hostname: service.hostname,
      agentVersion: service.agentVersion,
    });
    expect(await catalog.findService(service.serviceId)).toEqual(service);
  });

  test('a token is used once, also by two at once, and not after its time', async () => {
    const { catalog } = database;
    const service = agentOf();
    const { id } = await pending(catalog, service);
    const other = { ...service, agentId: randomUUID() };
    const outcomes = await Promise.all(
      [service, other].map(async (one) => await catalog.enrolAgent({ id, ...keys, service: one })),
    );
    expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(['enrolled', 'used']);
    const late = agentOf();
    const expired = await pending(catalog, late, { expiresAt: new Date(Date.now() - 1).toISOString() });
    expect(await catalog.enrolAgent({ id: expired.id, ...keys, service: late })).toEqual({ outcome: 'used' });
    expect(await catalog.findService(late.serviceId)).toBeUndefined();
  });

  test('a service has one agent: of two tokens used at once one enrols', async () => {
    const { catalog } = database;
    const service = agentOf();
    const tokens = [await pending(catalog, service), await pending(catalog, service)];
    const outcomes = await Promise.all(
      tokens.map(
        async ({ id }) =>
          await catalog.enrolAgent({ id, ...keys, service: { ...service, agentId: randomUUID() } }),
      ),
    );
    expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(['enrolled', 'rival']);
    expect(await catalog.listAgents(service.organization, { state: 'enrolled' }, page)).toMatchObject({
      count: 1,
    });
  });

  test('an agent that takes over replaces the other one, whole', async () => {
    const { catalog } = database;
    const service = agentOf();
    const first = await enrolled(service);
    const second = { ...service, agentId: randomUUID(), hostname: 'host-2' };
    const { id } = await pending(catalog, service, { takeOver: true });
    expect(await catalog.enrolAgent({ id, ...keys, service: second })).toEqual({ outcome: 'enrolled' });
    expect(await catalog.findAgent(service.agentId)).toMatchObject({
      id: first.id,
      state: 'revoked',
      message: expect.stringContaining('host-2') as unknown,
    });
    expect((await catalog.findService(service.serviceId))?.agentId).toBe(second.agentId);
    // What the first one still says comes too late.
    expect(await catalog.recordAnnouncement({ id: first.id, sequence: 99, service })).toBe(false);
    expect((await catalog.findService(service.serviceId))?.agentId).toBe(second.agentId);
    expect(await catalog.undismissedAgents(service.serviceId)).toEqual([service.agentId]);
    await catalog.markDismissed(service.agentId);
    expect(await catalog.undismissedAgents(service.serviceId)).toEqual([]);
  });

  test('an agent has one service', async () => {
    const service = agentOf();
    await enrolled(service);
    const other = newService({ agentId: service.agentId });
    const { id } = await pending(database.catalog, other);
    expect(await database.catalog.enrolAgent({ id, ...keys, service: other })).toEqual({
      outcome: 'elsewhere',
      serviceId: service.serviceId,
    });
  });

  test("an agent does not get another organization's service, and its token is not used up", async () => {
    const { catalog } = database;
    const theirs = await registered(catalog);
    const mine = { ...theirs, organization: 'mine', agentId: '' };
    await catalog.upsertService({ ...theirs, agentId: '' });
    const { id } = await pending(catalog, mine);
    await expect(
      catalog.enrolAgent({ id, ...keys, service: { ...mine, agentId: randomUUID() } }),
    ).rejects.toMatchObject({ code: 'service_taken' });
    expect(
      (await catalog.listAgents('mine', { state: 'pending' }, page)).items.map((one) => one.id),
    ).toContain(id);
  });

  test('an announcement is taken in order: an older one changes nothing', async () => {
    const { catalog } = database;
    const service = agentOf();
    const { id } = await enrolled(service);
    const lastSeenAt = '2026-05-05T00:00:00.000Z';
    expect(await catalog.recordAnnouncement({ id, sequence: 9, service: { ...service, lastSeenAt } })).toBe(
      true,
    );
    const old = { ...service, hostname: 'an-older-name' };
    expect(await catalog.recordAnnouncement({ id, sequence: 8, service: old })).toBe(false);
    expect(await catalog.findAgent(service.agentId)).toMatchObject({
      sequence: 9,
      lastSeenAt,
      hostname: 'host-1',
    });
    expect((await catalog.findService(service.serviceId))?.hostname).toBe('host-1');
  });

  test('a revoked agent has no service any more; revoking it again changes nothing', async () => {
    const { catalog } = database;
    const service = agentOf();
    const { organization } = service;
    const { id } = await enrolled(service);
    expect(await catalog.revokeAgent({ id, organization: 'others', message: 'x' })).toBeUndefined();
    const revoked = await catalog.revokeAgent({
      id: service.agentId,
      organization,
      message: 'bob revoked it.',
    });
    expect(revoked).toMatchObject({ id, state: 'revoked', message: 'bob revoked it.' });
    expect((await catalog.findService(service.serviceId))?.agentId).toBe('');
    expect(await catalog.revokeAgent({ id, organization, message: 'again' })).toEqual(revoked);
    expect(await catalog.findEnrolledAgent(service.serviceId)).toBeUndefined();
  });

  test('the list is in order, counts what it shows, and leaves out what expired unused', async () => {
    const { catalog } = database;
    const service = agentOf();
    const { organization, serviceId } = service;
    await pending(catalog, service, { expiresAt: new Date(Date.now() - 1).toISOString() });
    const ids = [];
    for (let index = 0; index < 5; index += 1) ids.push((await pending(catalog, service)).id);
    const all = await catalog.listAgents(organization, { serviceId }, page);
    expect(all.count).toBe(5);
    expect(all.items.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    const walked = [];
    for (const number of [1, 2, 3]) {
      const { items, count } = await catalog.listAgents(
        organization,
        {},
        { ...page, page: number, pageSize: 2 },
      );
      expect(count).toBe(5);
      walked.push(...items);
    }
    expect(walked).toEqual(all.items);
    expect((await catalog.listAgents(organization, { state: 'enrolled' }, page)).count).toBe(0);
    expect((await catalog.listAgents('others', {}, page)).count).toBe(0);
  });
});
