/** Chains of backups: what an incremental builds on is chosen, and proven, before anything is copied. */
import { chooseBase } from '../../domain/chain.ts';
import { managedStorage } from '../../domain/copies.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { BackupBase } from '../../domain/manifest.ts';
import { chainSettingsOf } from '../../domain/service-settings.ts';
import { beating } from '../heartbeat.ts';
import type { ControlActivities, NoBaseAnswer } from './contract.ts';
import { readChain } from './links.ts';
import type { Plane } from './plane.ts';

export function chainActivities(plane: Plane): Pick<ControlActivities, 'chooseBase' | 'becomeFull'> {
  const { catalog, defaults } = plane;
  return {
    async chooseBase({ backupId }) {
      const backup = await catalog.findBackup(backupId);
      if (!backup) throw new TidemarkError('backup_not_found', `There is no backup "${backupId}".`);
      const repeats = await catalog.isOfRepeating(backupId);
      const { serviceId } = backup;
      const bucket = await catalog.findExternalBucket(backupId);
      const settings = (await catalog.findServiceSettings([serviceId])).get(serviceId) ?? {};
      const limits = chainSettingsOf(settings, defaults);
      const facts = await catalog.chainFacts(serviceId, bucket?.location);
      // Who orders a single one may know why it has to be large.
      const choice = chooseBase(facts, repeats ? limits : { ...limits, maxShare: Infinity });
      if ('reason' in choice) return { reason: choice.reason, repeats };
      const [full] = choice.chain;
      const proven = await prove(plane, choice.chain.at(-1)?.id ?? full.id);
      if ('reason' in proven) return { ...proven, repeats };
      const { base } = proven;
      const kept = await catalog.setBase(backupId, { parent: base.backupId, full: full.id });
      if (kept) return { base, repeats };
      return { reason: `The backup ${base.backupId} was removed meanwhile.`, repeats };
    },

    async becomeFull({ backupId, message }) {
      await catalog.becomeFull(backupId, message);
    },
  };
}

async function prove(plane: Plane, backupId: string): Promise<{ base: BackupBase } | NoBaseAnswer> {
  try {
    const backup = await plane.catalog.findBackup(backupId);
    if (!backup) return { reason: `The backup ${backupId} was removed meanwhile.` };
    const chain = await beating(() => readChain(plane, backup));
    const away = chain.find(({ sources }) => sources[0]?.location !== managedStorage);
    if (away) {
      const { backupId: id } = away.manifest;
      return { reason: `The backup ${id}, which an incremental would build on, is whole in a copy alone.` };
    }
    const { lineage, server, binlog } = (chain.at(-1) ?? chain[0]).manifest;
    if (lineage.server === '') {
      const reason = `The backup ${backupId} is of a version that took no incrementals: it does not say whose data it is of.`;
      return { reason };
    }
    const { toLsn } = lineage;
    const noted = binlog && { binlog };
    return {
      base: { backupId, server: lineage.server, toLsn, serverVersion: server.version, ...noted },
    };
  } catch (error) {
    // A store that is away says nothing of the chain.
    const telling = ['object_missing', 'object_damaged', 'chain_broken'];
    if (!(error instanceof TidemarkError) || !telling.includes(error.code)) throw error;
    return { reason: `What an incremental would build on is not whole. ${error.message}` };
  }
}
