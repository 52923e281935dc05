/** Who may speak for a service: agents are let in, replaced and revoked, and nobody else is listened to. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { newAgentKeys, publicSigningKey, signAnnouncement } from '../../domain/enrolment.ts';
import type { Announcement, SignedAnnouncement } from '../../domain/operations.ts';
import { readHistory } from '../support/histories.ts';
import { type BackupBody, ready, TestStack, type TestService, until } from '../support/stack.ts';

interface AgentBody {
  id: string;
  agent_id?: string;
  service_id: string;
  state: string;
  message: string;
  alive: boolean;
}

let stack: TestStack;
let first: TestService;
let second: TestService;
const tokens: string[] = [];

beforeAll(async () => {
  const settings = { TIDEMARK_SILENCE_TIMEOUT: '4s' };
  stack = await TestStack.start('enrolment', { apiSettings: settings, controlSettings: settings });
  first = await stack.addService('db-1', {
    enrolment: 'none',
    stopped: true,
    // A slow copy: it goes on until after another agent has started.
    settings: { backup: { part_size: '1M' }, storage_options: { upload_limit: '1M' } },
  });
  await first.server.query('CREATE DATABASE shop');
  await first.server.query('CREATE TABLE shop.bulk (id INT PRIMARY KEY, content BLOB)');
  await first.server.query('INSERT INTO shop.bulk SELECT seq, RANDOM_BYTES(1000) FROM shop.seq_1_to_20000');
});

afterAll(async () => {
  await stack?.stop();
});

async function agents(query = ''): Promise<AgentBody[]> {
  return (await stack.request<{ agents: AgentBody[] }>('GET', `/agents${query}`)).body.agents;
}

async function enrol(service: TestService, fields: Record<string, unknown> = {}): Promise<void> {
  tokens.push(String((await stack.enrol(service, fields)).body['token']));
}

async function saying(service: TestService, words: string, from = 0): Promise<void> {
  await until(
    async () => service.agent.output.slice(from),
    (said) => said.includes(words),
    `"${words}"`,
  );
}

async function identityOf(service: TestService): Promise<Record<string, string>> {
  const file = path.join(service.stateDirectory, 'agent.json');
  return JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
}

async function agentOfService(): Promise<{ id: string; hostname: string }> {
  const { body } = await stack.request<{ agent: { id: string; hostname: string } }>('GET', '/services/db-1');
  return body.agent;
}

async function copying(): Promise<string> {
  const id = await stack.orderBackup('db-1');
  await until(
    () => stack.backupOf(id),
    ({ progress }: BackupBody) => progress?.phase === 'copying',
    'the copy',
  );
  return id;
}

describe('an agent', () => {
  test('that nobody let in is refused and told what to do, and a token helps it without a restart', async () => {
    await first.agent.start('The service was not registered.');
    expect(first.agent.output).toContain(
      'tidemark agents enroll --service db-1 --organization default, or POST /agents',
    );
    expect((await stack.request('GET', '/services/db-1')).status).toBe(404);
    await enrol(first);
    expect(await agents()).toMatchObject([{ service_id: 'db-1', state: 'pending', alive: false }]);
    await saying(first, ready.agent);
    const { agent_id: agentId } = await identityOf(first);
    expect(await agents()).toMatchObject([
      { service_id: 'db-1', state: 'enrolled', agent_id: agentId, alive: true },
    ]);
    expect((await agentOfService()).id).toBe(agentId);
    expect((await stat(path.join(first.stateDirectory, 'agent.json'))).mode & 0o777).toBe(0o600);
  });

  test('is known again after a restart, with a token that is used up', async () => {
    await first.agent.end();
    await first.agent.start(ready.agent);
    expect(await agents()).toHaveLength(1);
  });
});

describe('somebody who reaches Temporal, and has no key', () => {
  async function signal(workflowId: string, signed: unknown): Promise<void> {
    const from = stack.control.output.length;
    await stack.client.workflow.signalWithStart('agent', {
      taskQueue: 'tidemark',
      workflowId,
      signal: 'announce',
      signalArgs: [signed],
    });
    await until(
      async () => stack.control.output.slice(from),
      (said) => said.includes('An announcement was refused.'),
      'the refusal in the log',
    );
  }

  async function forged(changes: Partial<Announcement> = {}): Promise<SignedAnnouncement> {
    const { agent_id: agentId = '' } = await identityOf(first);
    const keys = newAgentKeys();
    const announcement = {
      agentId,
      signingKey: publicSigningKey(keys.signingKey),
      recipient: keys.recipient,
      sequence: Date.now() + 1_000_000,
      organization: 'default',
      serviceId: 'db-1',
      hostname: 'the-host-of-a-thief',
      announcedAt: new Date().toISOString(),
      ...changes,
    } as Announcement;
    return signAnnouncement(announcement, keys.signingKey, 'ab'.repeat(32));
  }

  test('changes nothing by what is signed with another key, not signed, or sent again', async () => {
    const before = await agentOfService();
    const { agent_id: agentId = '' } = await identityOf(first);
    const own = `agent/${agentId}`;
    await signal(own, await forged());
    const stranger = 'f00dfeed-0000-4000-8000-000000000000';
    await signal(`agent/${stranger}`, await forged({ agentId: stranger }));
    await signal(own, { agentId, serviceId: 'db-1', hostname: 'the-host-of-a-thief' });
    await signal(own, { announcement: 'null', signature: 7 });
    const history = await stack.client.workflow.getHandle(own).fetchHistory();
    const [genuine] = (history.events ?? []).flatMap(
      ({ workflowExecutionSignaledEventAttributes: attributes }) =>
        attributes?.input?.payloads?.map(
          (payload) => JSON.parse(Buffer.from(payload.data ?? []).toString('utf8')) as SignedAnnouncement,
        ) ?? [],
    );
    expect(genuine?.announcement).toContain(agentId);
    const shown = stack.control.output.length;
    await first.agent.end();
    await first.agent.start(ready.agent);
    await signal(own, genuine);
    expect(stack.control.output.slice(shown)).toContain('older than one that was taken');
    const { id, hostname } = before;
    expect(await agentOfService()).toMatchObject({ id, hostname });
    expect(await agents()).toHaveLength(1);
    expect(JSON.stringify(await agents())).not.toContain('thief');
  });

  test('cannot make the workflow of an agent fail', async () => {
    const { agent_id: agentId = '' } = await identityOf(first);
    const handle = stack.client.workflow.getHandle(`agent/${agentId}`);
    for (const name of ['announce', 'dismiss']) {
      await handle.signal(name);
      await handle.signal(name, null);
      await handle.signal(name, { agentId });
    }
    await first.agent.end();
    await first.agent.start(ready.agent);
    await stack.takeBackup('db-1');
  });
});

describe('a second agent', () => {
  test('is refused with a token that does not let it take over', async () => {
    second = await stack.addService('db-1-second', {
      serviceId: 'db-1',
      enrolment: 'none',
      stopped: true,
    });
    const refused = await stack.request<{ errors: { error: string; message: string }[] }>('POST', '/agents', {
      service_id: 'db-1',
    });
    expect([refused.status, refused.body.errors[0]?.error]).toEqual([409, 'agent_enrolled']);
    await second.agent.start('The service was not registered.');
    expect((await agentOfService()).id).toBe((await identityOf(first))['agent_id']);
  });

  test('takes over when it may; what runs is cancelled, and the first one releases its queues', async () => {
    const id = await copying();
    const from = first.agent.output.length;
    await enrol(second, { take_over: true });
    await saying(second, ready.agent);
    const backup = await stack.backupEnd(id);
    expect(backup).toMatchObject({ status: 'Cancelled' });
    expect(backup.message).toContain('took its service over');
    await saying(first, 'it releases its queues', from);
    expect(first.agent.output.slice(from)).toContain('took its service over');
    expect((await agentOfService()).id).toBe((await identityOf(second))['agent_id']);
    expect(await agents('?state=revoked')).toMatchObject([
      { agent_id: (await identityOf(first))['agent_id'] },
    ]);
    await stack.takeBackup('db-1');
    expect(first.agent.running).toBe(true);
  });

  test('does not lose the service to the first one when that is started again', async () => {
    await first.agent.end();
    await first.agent.start('The service was not registered.');
    expect((await agentOfService()).id).toBe((await identityOf(second))['agent_id']);
    await first.agent.end();
  });
});

describe('a revoked agent', () => {
  test('gets no order any more, and the orders say why', async () => {
    const from = second.agent.output.length;
    const { id: agentId } = await agentOfService();
    const good = await stack.takeBackup('db-1');
    expect((await stack.request('DELETE', `/agents/${agentId}`)).status).toBe(200);
    await saying(second, 'it releases its queues', from);
    expect(second.agent.output.slice(from)).toContain('revoked it');
    const backup = await stack.backupEnd(await stack.orderBackup('db-1'));
    expect(backup).toMatchObject({ status: 'Failed' });
    expect(backup.message).toContain('Enrol one');
    const refused = await stack.request<{ errors: { error: string }[] }>('POST', '/restores', {
      id: good.id,
      service_id: 'db-1',
    });
    expect([refused.status, refused.body.errors[0]?.error]).toEqual([409, 'agent_revoked']);
  });

  test('works again once it is enrolled anew, without a restart', async () => {
    const from = second.agent.output.length;
    await enrol(second);
    await saying(second, ready.agent, from);
    await stack.takeBackup('db-1');
  });
});

test('no token and no private key stands in a history or a log', async () => {
  const told = [stack.api.output, stack.control.output, first.agent.output, second.agent.output];
  for await (const { workflowId, runId } of stack.client.workflow.list()) {
    told.push(await readHistory(stack.client, workflowId, runId));
  }
  const identities = await Promise.all([identityOf(first), identityOf(second)]);
  const secrets = [
    ...tokens,
    ...identities.flatMap(({ signing_key: signing = '', age_identity: age = '' }) => [signing, age]),
  ];
  expect(secrets.every((secret) => secret.length > 40)).toBe(true);
  expect(told.length).toBeGreaterThan(8);
  for (const secret of secrets) expect(told.some((text) => text.includes(secret))).toBe(false);
});
