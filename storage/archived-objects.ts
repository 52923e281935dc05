/** What lies in a store of archived binlogs, as it is listed: nothing of it is read. */
import { objectKeys } from '../domain/ids.ts';
import type { ObjectStore } from './store.ts';

export interface ArchivedObjects {
  timeline: string;
  file: string;
  /** Ranges, as `<start>-<end>` in their names. */
  headers: ArchivedObject[];
  bodies: ArchivedObject[];
}

export interface ArchivedObject {
  key: string;
  start: number;
  end: number;
  bytes: number;
}

/** Only what we write ourselves. With a digest where another writer's body has the name. */
const objectName = /^(\d{12,})-(\d{12,})(?:\.[0-9a-f]{64}(?=\.zst))?\.(json|zst|zst\.age)$/;

/**
 * The objects of a service's archived binlogs, file by file, timeline by timeline.
 *
 * @throws storage_unavailable
 */
export async function* archivedObjects(
  store: ObjectStore,
  serviceId: string,
  signal?: AbortSignal,
): AsyncGenerator<ArchivedObjects, void, undefined> {
  const prefix = `${objectKeys.timelinesFolder(serviceId)}/`;
  let found: ArchivedObjects | undefined;
  // In the order of the names all of one folder come together.
  for await (const { key, bytes } of store.list(prefix, { ...(signal && { signal }) })) {
    const [timeline = '', file = '', name = '', ...deeper] = key.slice(prefix.length).split('/');
    const [, start, end, kind] = objectName.exec(name) ?? [];
    if (kind === undefined || deeper.length > 0) continue;
    if (found?.timeline !== timeline || found.file !== file) {
      if (found) yield found;
      found = { timeline, file, headers: [], bodies: [] };
    }
    const object = { key, start: Number(start), end: Number(end), bytes };
    found[kind === 'json' ? 'headers' : 'bodies'].push(object);
  }
  if (found) yield found;
}
