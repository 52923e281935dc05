/** Drills: another service brought back beside the server of this agent, checked, and removed again. */
import { mkdir, rm } from 'node:fs/promises';
import { planSources } from '../../domain/copies.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { type Phase, startOf } from '../../domain/progress.ts';
import type { ProofReport, ProofSeconds } from '../../domain/proofs/types.ts';
import type { StageMeasurement } from '../../domain/archive/rates.ts';
import { chainSizes, type ReplayFacts } from '../../domain/restore-plan.ts';
import { checkEveryTable } from '../../mariadb/proof/tables.ts';
import { makeProofPlace, removeProofPlaces } from '../../mariadb/proof/place.ts';
import { giveTree, requireSystemTables } from '../../mariadb/restore/check.ts';
import { workingMemory } from '../../mariadb/restore/memory.ts';
import { applyIncremental, prepareCopy } from '../../mariadb/restore/prepare.ts';
import { withPrivateServer } from '../../mariadb/restore/private-server.ts';
import { usedBytes } from '../../mariadb/restore/room.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { serverOwner } from '../../mariadb/server/owner.ts';
import { dataDirectory } from '../../domain/layout.ts';
import { attempt } from '../host/attempt.ts';
import type { HostRestoreInput } from '../host/contract.ts';
import { loadFrom } from '../host/dump.ts';
import { fetchInto } from '../host/fetch.ts';
import type { Host } from '../host/host.ts';
import { manifestOf } from '../host/kept-manifest.ts';
import type { HostProofActivities, HostProofInput } from './contract.ts';
import type { ProofSite } from './site.ts';
import { planOnProver, requireRoom, settingsOf } from './plan.ts';
import { inspectReplay, replayForProof } from './replay.ts';
import { whileThereIsRoom } from './room.ts';
import { linksOf } from '../host/site.ts';
import { sourcesFor } from '../host/sources.ts';
import { timed as timedOn } from '../host/timed.ts';

/** The buffer pool of a server that reads every table once. */
const mostMemoryBytes = 1024 ** 3;

export function proofActivities(host: Host): HostProofActivities {
  return {
    async proveService(order) {
      const operation = `proof-${order.proofId}`;
      return await attempt(host, { operation, phase: 'planning', beside: true }, async (trial) => {
        const mine = { directory: settingsOf(host).directory, agentId: host.agentId };
        try {
          const layout = await inspectLayout(host.settings.server);
          const owner = await serverOwner(host.settings.server, dataDirectory(layout));
          const place = await makeProofPlace(mine, order.proofId, owner);
          return await prove({ host, order, restore: restoreOf(host, order), trial, place, owner });
        } finally {
          await removeProofPlaces(mine);
          await rm(trial.folder, { recursive: true, force: true });
        }
      });
    },
  };
}

function restoreOf(
  { copies }: Host,
  { proofId, workflowId, bucket, facts }: HostProofInput,
): HostRestoreInput {
  const { backupId, manifestSha256, chain, sources } = facts;
  return {
    restoreId: proofId,
    workflowId,
    backupId,
    mode: 'side-by-side',
    manifestSha256,
    ...(sources && { sources: planSources(sources, [...copies.keys()]).map(({ location }) => location) }),
    ...(bucket && { bucket }),
    ...(chain && {
      chain: chain.map((link) => ({ backupId: link.backupId, manifestSha256: link.manifestSha256 })),
    }),
  };
}

async function prove(site: ProofSite): Promise<ProofReport> {
  const { host, order, trial } = site;
  const replay = await inspectReplay(site);
  await requireRoom(host, await planOnProver(host, order, replay, trial));
  return await whileThereIsRoom(host, trial, async (watched) => {
    return await bringBack({ ...site, trial: watched }, replay);
  });
}

async function bringBack(site: ProofSite, replay: ReplayFacts | undefined): Promise<ProofReport> {
  const { order, trial, place } = site;
  const begun = Date.now();
  const warnings: string[] = [];
  const seconds: ProofSeconds = { fetching: 0, preparing: 0, replaying: 0, checking: 0, total: 0 };
  const measured: StageMeasurement[] = [];
  // Nothing is synced here, so that the preparation is none of a restore's.
  const [first = 0] = chainSizes(order.facts);
  const timed = async <T>(
    phase: keyof ProofSeconds & Phase,
    work: () => Promise<T>,
    of?: Pick<StageMeasurement, 'stage' | 'bytes'>,
  ): Promise<T> => {
    trial.report(startOf(phase));
    const start = Date.now();
    const { result, seconds: plain } = await timedOn(site.host, work);
    seconds[phase] += (Date.now() - start) / 1000;
    if (of && plain !== undefined) measured.push({ ...of, seconds: plain });
    return result;
  };
  if (order.facts.dump) {
    warnings.push(...(await timed('fetching', () => load(site), { stage: 'loading', bytes: first })));
  } else {
    await timed('fetching', () => fetch(site, 0, place.data), { stage: 'fetching', bytes: first });
    await timed('preparing', () => prepare(site));
    await timed('preparing', () => applyChain(site));
    await giveTree(place.data, site.owner);
  }
  const replaying = replay && { stage: 'replaying' as const, bytes: replay.bytes };
  const replayed = replay && (await timed('replaying', () => replayForProof(site, replay), replaying));
  warnings.push(...(replayed?.warnings ?? []));
  const checked = await timed('checking', () => check(site));
  seconds.total = (Date.now() - begun) / 1000;
  const { tables, rows, digest } = checked;
  return {
    reached: replayed?.reached ?? atBackup(order),
    seconds,
    tables,
    rows,
    digest,
    warnings: [...warnings, ...checked.warnings],
    measured,
  };
}

function atBackup({ facts: { binlog } }: HostProofInput): ProofReport['reached'] {
  return binlog ? { gtid: binlog.gtid, binlog_file: binlog.file, binlog_position: binlog.position } : {};
}

/** @param number of the chain, its full is 0 */
async function fetch(
  { host, restore, trial }: ProofSite,
  number: number,
  directory: string,
  phase: 'fetching' | 'preparing' = 'fetching',
): Promise<void> {
  const manifest = await manifestOf(host, restore, trial.folder, linksOf(restore)[number]);
  const { from } = await sourcesFor(host, restore);
  await fetchInto(host, { manifest, from, directory, attempt: trial, phase });
}

async function prepare({ host, restore, trial, place }: ProofSite): Promise<void> {
  const { lineage } = await manifestOf(host, restore, trial.folder, linksOf(restore)[0]);
  const { server, restore: settings } = host.settings;
  const expected = { toLsn: lineage.toLsn };
  await prepareCopy({ server, restore: settings, directory: place.data, attempt: trial, expected });
}

async function applyChain(site: ProofSite): Promise<void> {
  const { host, restore, trial, place } = site;
  const { server, restore: settings } = host.settings;
  const { incremental, data } = place;
  for (let number = 1; number < linksOf(restore).length; number += 1) {
    await rm(incremental, { recursive: true, force: true });
    await mkdir(incremental, { mode: 0o700 });
    await fetch(site, number, incremental, 'preparing');
    trial.report(startOf('preparing'));
    const { lineage } = await manifestOf(host, restore, trial.folder, linksOf(restore)[number]);
    await applyIncremental({
      server,
      restore: settings,
      directory: data,
      incremental,
      attempt: trial,
      expected: { fromLsn: lineage.fromLsn, toLsn: lineage.toLsn },
    });
  }
  await rm(incremental, { recursive: true, force: true });
}

async function load({ host, order, restore, trial, place, owner }: ProofSite): Promise<string[]> {
  const manifest = await manifestOf(host, restore, trial.folder);
  const { from } = await sourcesFor(host, restore);
  const { layout } = order.facts;
  return await loadFrom(host, { manifest, from, directory: place.data, attempt: trial, layout, owner });
}

async function check({ host, order, trial, place, owner }: ProofSite): ReturnType<typeof checkEveryTable> {
  const { server, restore } = host.settings;
  const useful = Math.min(mostMemoryBytes, 128 * 1024 ** 2 + (await usedBytes(place.data)));
  const memoryBytes = await workingMemory(restore.memory_share, useful);
  const { layout } = order.facts;
  const copy = { server, layout, directory: place.data, owner, attempt: trial, memoryBytes };
  return await withPrivateServer(copy, async ({ connection }) => {
    try {
      await requireSystemTables(connection);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'private_server_failed') throw error;
      throw new TidemarkError('proof_failed', error.message, { cause: error });
    }
    return await checkEveryTable(connection, place.data, trial, (share) => {
      trial.report({ ...startOf('checking'), percent: Math.floor(share * 99) });
    });
  });
}
