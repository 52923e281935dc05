/** Two organizations with records of every kind, and callers of every role with credentials of every kind. */
import { randomBytes } from 'node:crypto';
import { issueEnrolment } from '../../../api/enrolments.ts';
import type { BackupRecord, Catalog, RestoreRecord, ServiceRecord } from '../../../catalog/types.ts';
import { apiKeyDigest, apiKeyShown, makeApiKey } from '../../../domain/api-keys.ts';
import { formatBackupId, workflowIds } from '../../../domain/ids.ts';
import { type Role, roles } from '../../../domain/operations.ts';
import { serviceRecord } from '../harness.ts';
import { audience, claimsWith, issuerName, sharedSecret, signedBySecret } from '../auth/issuer.ts';

export type Rank = 'without' | 'no role' | Role;
export const ranks: readonly Rank[] = ['without', 'no role', ...roles];

/** Every answer that tells of a record of an organization has its secret in it, or in what it is made of. */
export interface Organization {
  name: string;
  /** Stands in the names and messages of all its records. */
  secret: string;
  service: ServiceRecord;
  /** One more, to restore to. */
  target: ServiceRecord;
  /** These and the following are made when they are first asked for, and then kept. */
  backup(): Promise<BackupRecord>;
  /** One that ran once. */
  schedule(): Promise<number>;
  /** One that repeats. */
  repeating(): Promise<number>;
  /** An agent of a service of its own, let in and not there yet. */
  agent(): Promise<string>;
  restore(): Promise<RestoreRecord>;
  /** The records may be gone: makes others from now on. */
  forget(): void;
}

export async function newOrganization(catalog: Catalog, name: string): Promise<Organization> {
  const secret = secretOf(name);
  const make = async (serviceId: string): Promise<ServiceRecord> => {
    const service = serviceRecord({
      serviceId,
      organization: name,
      serviceName: secret,
      hostname: secret,
      labels: { note: secret },
      warnings: [secret],
      agentId: `agent-of-${serviceId}`,
      storage: `file:///${secret}`,
    });
    await catalog.upsertService(service);
    return service;
  };
  const service = await make(`${name}-orders`);
  const target = await make(`${name}-standby`);

  async function order(): Promise<{ backup: BackupRecord; scheduleId: number }> {
    const { serviceId, serverName } = service;
    const backupId = formatBackupId({ hex: randomBytes(16).toString('hex'), serviceId, serverName });
    let workflowId = '';
    const { schedule, backup } = await catalog.createOneTimeBackup({
      organization: name,
      service,
      type: 'full',
      backupId,
      message: secret,
      workflowId: (id) => (workflowId = workflowIds.backup(backupId, id)),
    });
    await catalog.updateBackup(backupId, { status: 'Succeeded', message: secret });
    await catalog.releasePlace(workflowId);
    return { backup, scheduleId: schedule.id };
  }

  const makers = {
    backup: async () => (await order()).backup,
    schedule: async () => (await order()).scheduleId,
    repeating: async () => {
      const schedule = await catalog.createSchedule({
        organization: name,
        service,
        schedule: '0 3 * * *',
        type: 'full',
        labels: { note: secret },
        offsetSeconds: () => 0,
      });
      return schedule.id;
    },
    agent: async () => {
      const { enrolment } = await issueEnrolment(catalog, {
        organization: name,
        serviceId: service.serviceId,
        takeOver: false,
        createdBy: secret,
      });
      return enrolment.id;
    },
    restore: async () => {
      const restore = await catalog.createRestore({
        organization: name,
        service: target,
        backup: (await order()).backup,
        mode: 'side-by-side',
        bucket: '',
        message: secret,
        workflowId: (id) => workflowIds.restore(id, randomBytes(4).toString('hex')),
      });
      await catalog.updateRestore(restore.id, { status: 'Succeeded', message: secret });
      await catalog.releasePlace(restore.workflowId);
      return restore;
    },
  };
  const made = new Map<string, Promise<unknown>>();
  const once = <T>(kind: string, make: () => Promise<T>): Promise<T> => {
    const known = made.get(kind) ?? make();
    made.set(kind, known);
    return known as Promise<T>;
  };
  return {
    name,
    secret,
    service,
    target,
    backup: async () => once('backup', makers.backup),
    schedule: async () => once('schedule', makers.schedule),
    repeating: async () => once('repeating', makers.repeating),
    agent: async () => once('agent', makers.agent),
    restore: async () => once('restore', makers.restore),
    forget: () => made.clear(),
  };
}

/** Tokens of the tokens file, for `parseTokens`. */
export function tokensFileOf(organizations: readonly string[]): string {
  return organizations
    .flatMap((organization) =>
      roles.map(
        (role) => `${fileToken(organization, role)} ${organization} ${role} ${secretOf(organization)}`,
      ),
    )
    .join('\n');
}

function secretOf(organization: string): string {
  return `secret-of-${organization}`;
}

function fileToken(organization: string, role: Role): string {
  return `token-of-${organization}-${role}`;
}

export const jwtSettingsOfTests = { issuer: issuerName, audience, secret: sharedSecret };

/**
 * Credentials of a rank, by each kind that can have it.
 *
 * @returns headers; the kinds are their keys
 */
export async function credentialsOf(
  catalog: Catalog,
  { name, secret }: Organization,
  rank: Rank,
): Promise<Record<string, Record<string, string>>> {
  const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });
  const jwt = async (claims: object): Promise<Record<string, string>> =>
    bearer(await signedBySecret(claimsWith({ sub: secret, organization: name, ...claims })));
  if (rank === 'no role') return { jwt: await jwt({ roles: ['openid', 'admin'] }) };
  if (rank === 'without') {
    const revoked = await apiKey(catalog, name, secret, 'administrator');
    await catalog.revokeApiKey(revoked.id);
    return {
      nothing: {},
      'an expired jwt': await jwt({ roles: 'administrator', exp: Math.floor(Date.now() / 1000) - 60 }),
      'a revoked api key': { 'X-API-Key': revoked.key },
    };
  }
  const { key } = await apiKey(catalog, name, secret, rank);
  return {
    tokens_file: bearer(fileToken(name, rank)),
    jwt: await jwt({ roles: [rank] }),
    api_key: { 'X-API-Key': key },
  };
}

async function apiKey(
  catalog: Catalog,
  organization: string,
  name: string,
  role: Role,
): Promise<{ id: number; key: string }> {
  const key = makeApiKey();
  const { id } = await catalog.createApiKey({
    organization,
    role,
    name,
    shown: apiKeyShown(key),
    digest: apiKeyDigest(key),
  });
  return { id, key };
}
