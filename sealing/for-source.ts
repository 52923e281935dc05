/**
 * Somebody else's backup on its way to an agent: where it lies, with credentials and key sealed for that agent and one
 * restore, or one plan.
 */
import { TidemarkError } from '../domain/errors.ts';
import type { SealedSource } from '../domain/foreign.ts';
import type { SourceSecrets } from '../domain/storage-credentials.ts';
import { openSealed, sealForAgent } from './for-agent.ts';

/** For whom, and for what, they are sealed. */
interface Purpose {
  agentId: string;
  workflowId: string;
}

type Place = Omit<SealedSource, 'sealed'>;

export interface OpenedSource extends Place, SourceSecrets {
  /** Hosts that the deployment allows: the agent connects by this list, whatever its own settings are. */
  endpoints: readonly string[];
}

type Content = Purpose & OpenedSource;

export function sealSourceFor(source: OpenedSource, purpose: Purpose, recipient: string): SealedSource {
  const { location, object, method } = source;
  const content: Content = { ...source, ...purpose };
  return { location, object, method, sealed: sealForAgent(JSON.stringify(content), recipient) };
}

/** @throws sealed_for_another when it does not open, or was sealed for something else */
export function openSealedSource(sealed: SealedSource, purpose: Purpose, identity: string): OpenedSource {
  const { agentId, workflowId, ...source } = JSON.parse(openSealed(sealed.sealed, identity)) as Content;
  const same =
    agentId === purpose.agentId &&
    workflowId === purpose.workflowId &&
    source.location === sealed.location &&
    source.object === sealed.object &&
    source.method === sealed.method;
  if (same) return source;
  throw new TidemarkError(
    'sealed_for_another',
    `The credentials that came with this order were sealed for another restore, of ${source.object} in ${source.location}. ` +
      'Order the restore again.',
  );
}
