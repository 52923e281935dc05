/**
 * Where a restore puts things on the host.
 *
 * Everything lies on the file system of what it replaces, so that the swap is renaming and takes no time whatever
 * the size. A plain data directory is renamed as a whole, so its places are beside it. A mount point cannot be
 * renamed: its places are in it, two levels deep, where mariadb-backup does not look for tables. Every other member
 * may share its directory with strangers and is moved file by file.
 */
import { chmod, chown, mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { dataDirectory, type Layout, type LayoutMember, type MemberKind } from '../../domain/layout.ts';
import { isMissing, makeDirectory, removeIfEmpty, syncDirectory, writeDurably } from './files.ts';

/** The folder in which a restore's own files lie, beside a data directory or in it. */
export const workFolder = '.tidemark';

/** One member of the layout in a swap. All paths are absolute. */
export interface StagedMember {
  kind: MemberKind;
  /** Where the server has it. */
  live: string;
  /** Where the new files wait. */
  incoming: string;
  /** Where the replaced files are kept. */
  previous: string;
  /** The folder of this restore that holds both; nothing else lies in it. */
  folder: string;
  /** The whole directory is renamed; otherwise its entries are moved. */
  renamed: boolean;
  /** The names that are moved, as in the layout; empty on `data`: all but what is foreign. */
  files: string[];
}

/** The places of one restore. */
export interface Staging {
  restoreId: number;
  /** The directory that the new data is materialized in. */
  data: string;
  /** Where an incremental is unpacked before it is brought into the copy; on the same file system. */
  incremental: string;
  /** Where binlogs wait that are replayed onto the copy; likewise. */
  binlogs: string;
  members: StagedMember[];
}

/** The system user and group that the server's files belong to. */
export interface Owner {
  uid: number;
  gid: number;
}

/** The places that a restore uses on a server of this layout. Pure. */
export function stagingFor(layout: Layout, restoreId: number): Staging {
  const members = layout.members.map((member) => stage(member, restoreId));
  const data = members.find((member) => member.live === dataDirectory(layout));
  return { restoreId, data: data?.incoming ?? '', ...besideData(members), members };
}

/** The places of a restore that replaces the server's files where they are: the new ones go there directly. Pure. */
export function stagingInPlace(layout: Layout, restoreId: number): Staging {
  const members = layout.members.map((member) => ({
    ...stage(member, restoreId),
    incoming: member.directory,
  }));
  return { restoreId, data: dataDirectory(layout), ...besideData(members), members };
}

function besideData(members: readonly StagedMember[]): Pick<Staging, 'incremental' | 'binlogs'> {
  const folder = members.find(({ kind }) => kind === 'data')?.folder ?? '';
  return { incremental: path.join(folder, 'incremental'), binlogs: path.join(folder, 'binlogs') };
}

/** Makes the folder of the restore in which binlogs are put for the server's user. */
export async function createForBinlogs({ members, binlogs }: Staging, owner: Owner): Promise<void> {
  for (const member of members) if (member.kind === 'data') await createWithin(member, binlogs, owner);
}

/** What was fetched is not needed any more. */
export async function removeBinlogs({ members, binlogs }: Staging): Promise<void> {
  await rm(binlogs, { recursive: true, force: true });
  for (const member of members) if (member.kind === 'data') await removeEmptyFolders(member);
}

function stage(member: LayoutMember, restoreId: number): StagedMember {
  const renamed = member.kind === 'data' && !member.mountPoint;
  const base = renamed ? path.dirname(member.directory) : member.directory;
  const folder = path.join(base, workFolder, String(restoreId));
  return {
    kind: member.kind,
    live: member.directory,
    incoming: path.join(folder, 'new', member.kind),
    previous: path.join(folder, 'previous', member.kind),
    folder,
    renamed,
    files: member.kind === 'data' ? [] : member.files,
  };
}

/**
 * Makes the directories that new files are put into, for the server's user alone. Those that are there stay as they
 * are, with what is in them.
 */
export async function createStaging(staging: Staging, owner: Owner): Promise<void> {
  for (const member of staging.members) await createWithin(member, member.incoming, owner);
}

/**
 * Makes `directory`, which is the member's `incoming` or `previous`, and what leads to it from the work folder on. Each
 * step is synced in its parent: a power cut must not take a folder that the server's old data was moved into.
 */
export async function createWithin(member: StagedMember, directory: string, owner: Owner): Promise<void> {
  const top = path.dirname(member.folder);
  const base = path.dirname(top);
  const baseMissing = await isMissing(base);
  if (baseMissing) {
    await makeDirectory(base);
    if (base === member.live) await give(base, owner, 0o750);
  }
  const steps = path.relative(base, directory).split('/');
  for (let depth = 1; depth <= steps.length; depth += 1) {
    const step = path.join(base, ...steps.slice(0, depth));
    const missing = await isMissing(step);
    if (missing) await mkdir(step, { mode: 0o700 });
    // Whoever made it may have been killed before it was given away: no server would come through to its files.
    if (missing || (isWithin(step, top) && !(await isOf(step, owner)))) {
      await give(step, owner, 0o700);
      await syncDirectory(path.dirname(step));
    }
  }
  if (baseMissing && base === member.live && directory !== base) await writeDurably(missingMark(member), '');
}

/** Says that the member's own directory was made by the restore: it goes again when nothing came into it. */
function missingMark(member: StagedMember): string {
  return path.join(member.folder, 'was-missing');
}

/** Whether there was no such directory before the restore. */
export async function wasMissing(member: StagedMember): Promise<boolean> {
  return (await isMissing(member.live)) || !(await isMissing(missingMark(member)));
}

/** Where what a restore had put there lies once it is undone. */
export function undoneFolder({ folder }: StagedMember): string {
  return path.join(folder, 'undone');
}

function isWithin(directory: string, folder: string): boolean {
  return directory === folder || directory.startsWith(`${folder}/`);
}

async function isOf(directory: string, owner: Owner): Promise<boolean> {
  const { uid, gid, mode } = await stat(directory);
  return uid === owner.uid && gid === owner.gid && (mode & 0o7777) === 0o700;
}

async function give(directory: string, owner: Owner, mode: number): Promise<void> {
  await chown(directory, owner.uid, owner.gid);
  await chmod(directory, mode);
}

/** Removes what a restore materialized. What it replaced stays where it is kept. */
export async function removeStaging(staging: Pick<Staging, 'members'>): Promise<void> {
  const { incremental, binlogs } = besideData(staging.members);
  for (const folder of [incremental, binlogs]) await rm(folder, { recursive: true, force: true });
  for (const member of staging.members) {
    const mark = missingMark(member);
    const made = !(await isMissing(mark));
    await rm(path.join(member.folder, 'new'), { recursive: true, force: true });
    await rm(mark, { force: true });
    await removeEmptyFolders(member);
    if (made) await removeIfEmpty(member.live);
  }
}

/** Removes the restore's folder and the work folder around it, where nothing is left in them. */
export async function removeEmptyFolders(member: StagedMember): Promise<void> {
  for (const folder of [path.join(member.folder, 'previous'), member.folder, path.dirname(member.folder)]) {
    if (!(await removeIfEmpty(folder))) return;
  }
}
