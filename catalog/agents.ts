/** Who may speak for which service: tokens that wait for their agents, agents, and those that were revoked. */
import { randomBytes } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { instant, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import { keepReceipt } from './idempotency.ts';
import { pageOf } from './pages.ts';
import type { AgentRow, Tables } from './schema.ts';
import { upsertServiceIn } from './services.ts';
import type { AgentRecord, EnrolmentRecord } from './agent-types.ts';
import type { Catalog } from './types.ts';

type AgentQueries = Pick<
  Catalog,
  | 'createEnrolment'
  | 'findAgent'
  | 'findEnrolledAgent'
  | 'listAgents'
  | 'enrolmentsOf'
  | 'enrolAgent'
  | 'recordAnnouncement'
  | 'revokeAgent'
  | 'undismissedAgents'
  | 'markDismissed'
>;

/** So many of a service's enrolments are looked at for one that fits a proof; older ones have expired long ago. */
const mostEnrolments = 100;

export function agentsIn(database: Database): AgentQueries {
  return {
    async createEnrolment(enrolment) {
      const row: AgentRow = {
        ...emptyRow(enrolment.organization, enrolment.serviceId),
        token_digest: enrolment.tokenDigest,
        take_over: enrolment.takeOver ? 1 : 0,
        created_by: prose(enrolment.createdBy),
        expires_at: instant(enrolment.expiresAt),
        message: 'Waiting for its agent.',
      };
      const made = recordOf(row);
      await database.write(async (db) => {
        await db.insertInto('agents').values(row).execute();
        await keepReceipt(db, enrolment.receipt, made);
      });
      return made;
    },

    async findAgent(agentId) {
      const row = await database.read(
        async (db) =>
          await db
            .selectFrom('agents')
            .selectAll()
            .where('agent_id', '=', agentId)
            // A token that was made earlier may have been used later.
            .orderBy(sql`state = 'enrolled'`, 'desc')
            .orderBy('created_at', 'desc')
            .orderBy('id', 'desc')
            .executeTakeFirst(),
      );
      return row && recordOf(row);
    },

    async findEnrolledAgent(serviceId) {
      const row = await database.read(
        async (db) =>
          await db
            .selectFrom('agents')
            .selectAll()
            .where('service_id', '=', serviceId)
            .where('state', '=', 'enrolled')
            .executeTakeFirst(),
      );
      return row && recordOf(row);
    },

    async listAgents(organization, filter, page) {
      return await pageOf(database, page, {
        matching: (db) =>
          db
            .selectFrom('agents')
            .where('organization', '=', organization)
            .where((eb) => eb.and(present({ service_id: filter.serviceId, state: filter.state })))
            // What waits for nobody any more is no agent.
            .where((eb) => eb.or([eb('state', '!=', 'pending'), eb('expires_at', '>', now())])),
        rows: (matching) => matching.selectAll(),
        recordOf,
      });
    },

    async enrolmentsOf(organization, serviceId) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('agents')
            .selectAll()
            .where('service_id', '=', serviceId)
            .where('organization', '=', organization)
            .where('token_digest', '!=', '')
            .orderBy('created_at', 'desc')
            .orderBy('id', 'desc')
            .limit(mostEnrolments)
            .execute(),
      );
      return rows.map((row): EnrolmentRecord => ({ ...recordOf(row), tokenDigest: row.token_digest }));
    },

    async enrolAgent({ id, signingKey, recipient, sequence, service }) {
      const { serviceId, agentId, hostname, agentVersion, lastSeenAt } = service;
      return await database.writeAlone(serviceId, async (db) => {
        const token = await db
          .selectFrom('agents')
          .selectAll()
          .where('id', '=', id)
          .where('state', '=', 'pending')
          .where('expires_at', '>', now())
          .executeTakeFirst();
        if (!token) return { outcome: 'used' };
        const elsewhere = await enrolledElsewhere(db, agentId, serviceId);
        if (elsewhere !== undefined) return { outcome: 'elsewhere', serviceId: elsewhere };
        const rivals = await rivalsOf(db, serviceId, agentId, signingKey);
        const [rival] = rivals;
        if (rival && token.take_over === 0) return { outcome: 'rival', rival: recordOf(rival) };
        for (const one of rivals) await replace(db, one, agentId, hostname);
        const enrolled: Partial<AgentRow> = {
          state: 'enrolled',
          message: 'Enrolled.',
          agent_id: agentId,
          signing_key: signingKey,
          recipient,
          sequence,
          hostname,
          agent_version: agentVersion,
          enrolled_at: now(),
          last_seen_at: instant(lastSeenAt),
        };
        await db.updateTable('agents').set(enrolled).where('id', '=', id).execute();
        await upsertServiceIn(db, service);
        return { outcome: 'enrolled' };
      });
    },

    async recordAnnouncement({ id, sequence, service }) {
      const { serviceId, hostname, agentVersion, lastSeenAt } = service;
      return await database.writeAlone(serviceId, async (db) => {
        const row = await db
          .updateTable('agents')
          .set({
            sequence,
            hostname,
            agent_version: agentVersion,
            last_seen_at: instant(lastSeenAt),
          })
          .where('id', '=', id)
          .where('state', '=', 'enrolled')
          // The same once more is an attempt whose answer was lost.
          .where('sequence', '<=', sequence)
          .returning('id')
          .executeTakeFirst();
        if (!row) return false;
        await upsertServiceIn(db, service);
        return true;
      });
    },

    async revokeAgent({ id, organization, message }) {
      const known = await database.read(
        async (db) =>
          await db
            .selectFrom('agents')
            .select(['id', 'service_id'])
            .where('organization', '=', organization)
            .where((eb) => eb.or([eb('id', '=', id), eb('agent_id', '=', id)]))
            .orderBy(sql`state = 'enrolled'`, 'desc')
            .orderBy('created_at', 'desc')
            .orderBy('id', 'desc')
            .executeTakeFirst(),
      );
      if (!known) return undefined;
      // Alone, as enrolling is: of a token that is used at this moment, one of the two sees the other.
      return await database.writeAlone(known.service_id, async (db) => {
        const row = await db.selectFrom('agents').selectAll().where('id', '=', known.id).executeTakeFirst();
        if (!row || row.state === 'revoked') return row && recordOf(row);
        const revoked = { ...row, state: 'revoked' as const, message, revoked_at: now() };
        await db.updateTable('agents').set(revoked).where('id', '=', row.id).execute();
        if (row.agent_id !== null) {
          await db
            .updateTable('services')
            .set({ agent_id: '' })
            .where('service_id', '=', row.service_id)
            .where('agent_id', '=', row.agent_id)
            .execute();
        }
        return recordOf(revoked);
      });
    },

    async undismissedAgents(serviceId) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('agents')
            .select('agent_id')
            .where('service_id', '=', serviceId)
            .where('state', '=', 'revoked')
            .where('orders_ended', '=', 0)
            .where('agent_id', 'is not', null)
            .orderBy('created_at')
            .execute(),
      );
      return [...new Set(rows.map(({ agent_id: agentId }) => agentId ?? ''))];
    },

    async markDismissed(agentId) {
      await database.write(
        async (db) =>
          await db
            .updateTable('agents')
            .set({ orders_ended: 1 })
            .where('agent_id', '=', agentId)
            .where('state', '=', 'revoked')
            .execute(),
      );
    },
  };
}

/** The other service that this agent is enrolled for. */
async function enrolledElsewhere(
  db: Transaction<Tables>,
  agentId: string,
  serviceId: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('agents')
    .select('service_id')
    .where('agent_id', '=', agentId)
    .where('state', '=', 'enrolled')
    .where('service_id', '!=', serviceId)
    .executeTakeFirst();
  return row?.service_id;
}

/** Who speaks for the service and is not this agent: an enrolled one, or one of before there were enrolments. */
async function rivalsOf(
  db: Transaction<Tables>,
  serviceId: string,
  agentId: string,
  signingKey: string,
): Promise<AgentRow[]> {
  const enrolled = await db
    .selectFrom('agents')
    .selectAll()
    .where('service_id', '=', serviceId)
    .where('state', '=', 'enrolled')
    .execute();
  if (enrolled.length > 0) {
    return enrolled.filter((row) => row.agent_id !== agentId || row.signing_key !== signingKey);
  }
  const service = await db
    .selectFrom('services')
    .selectAll()
    .where('service_id', '=', serviceId)
    .executeTakeFirst();
  if (!service || service.agent_id === '' || service.agent_id === agentId) return [];
  return [
    {
      ...emptyRow(service.organization, serviceId),
      agent_id: service.agent_id,
      hostname: service.hostname,
      agent_version: service.agent_version,
      last_seen_at: service.last_seen_at,
    },
  ];
}

/** The rival is revoked; the unused half of the unique index is free before the new agent takes it. */
async function replace(
  db: Transaction<Tables>,
  rival: AgentRow,
  agentId: string,
  hostname: string,
): Promise<void> {
  const revoked: AgentRow = {
    ...rival,
    state: 'revoked',
    message: `The agent ${agentId} on ${hostname} took its service over.`,
    revoked_at: now(),
  };
  await db
    .insertInto('agents')
    .values(revoked)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(revoked))
    .execute();
}

function emptyRow(organization: string, serviceId: string): AgentRow {
  return {
    id: randomBytes(16).toString('hex'),
    organization,
    service_id: serviceId,
    state: 'pending',
    message: '',
    token_digest: '',
    take_over: 0,
    created_at: now(),
    created_by: '',
    expires_at: now(),
    agent_id: null,
    signing_key: '',
    recipient: '',
    sequence: 0,
    hostname: '',
    agent_version: '',
    enrolled_at: null,
    last_seen_at: null,
    revoked_at: null,
    orders_ended: 0,
  };
}

function recordOf(row: AgentRow): AgentRecord {
  return {
    id: row.id,
    organization: row.organization,
    serviceId: row.service_id,
    state: row.state,
    message: row.message,
    takeOver: row.take_over === 1,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    signingKey: row.signing_key,
    recipient: row.recipient,
    sequence: row.sequence,
    hostname: row.hostname,
    agentVersion: row.agent_version,
    ...present({
      agentId: row.agent_id,
      enrolledAt: row.enrolled_at,
      lastSeenAt: row.last_seen_at,
      revokedAt: row.revoked_at,
    }),
  };
}
