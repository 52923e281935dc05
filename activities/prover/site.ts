/** What the steps of a drill work with. */
import type { Attempt } from '../../mariadb/context.ts';
import type { ProofPlace } from '../../mariadb/proof/place.ts';
import type { Owner } from '../../mariadb/restore/staging.ts';
import type { HostRestoreInput } from '../host/contract.ts';
import type { Host } from '../host/host.ts';
import type { HostProofInput } from './contract.ts';

/** One drill on its host. */
export interface ProofSite {
  host: Host;
  order: HostProofInput;
  /** The order as the rooms of restores take it. */
  restore: HostRestoreInput;
  trial: Attempt;
  place: ProofPlace;
  owner: Owner;
}
