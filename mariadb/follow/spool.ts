/**
 * The spool: binlog files as they come from the server, in the agent's state directory, until they are in the store.
 * What is there already is given back to the file system below the file's end, which goes on growing.
 */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../restore/files.ts';
import { numberOf } from './resume.ts';
import { SpoolFile } from './spool-file.ts';

/** What a spool is of: by it, what an agent left that was killed can still be archived. */
const noteSchema = z.object({ timeline: z.string(), file: z.string(), position: z.int().min(0) });
export type SpoolNote = z.infer<typeof noteSchema>;

export class Spool {
  /** Where the programs write to. */
  readonly directory: string;
  readonly #noteFile: string;
  #note: SpoolNote | undefined;

  constructor(folder: string) {
    this.directory = path.join(folder, 'spool');
    this.#noteFile = path.join(folder, 'spool.json');
  }

  /** What an earlier process left, if it is known what that is. */
  async left(): Promise<SpoolNote | undefined> {
    try {
      this.#note = noteSchema.parse(JSON.parse(await readFile(this.#noteFile, 'utf8')));
    } catch {
      this.#note = undefined;
    }
    return this.#note;
  }

  /** Throws away what is there. */
  async clear(): Promise<void> {
    this.#note = undefined;
    await rm(this.#noteFile, { force: true });
    await rm(this.directory, { recursive: true, force: true });
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
  }

  /** Makes it ready for a reader that begins at a place. */
  async begin(note: SpoolNote): Promise<void> {
    await this.clear();
    await writeDurably(this.#noteFile, JSON.stringify(note));
    this.#note = note;
  }

  /** The names of its files, in the order in which the server wrote them. */
  async files(): Promise<string[]> {
    const names = await readdir(this.directory).catch(() => []);
    const found = await Promise.all(
      names.map(async (name) => ({
        name,
        stats: await stat(path.join(this.directory, name)).catch(() => undefined),
      })),
    );
    const begunAt = ({ stats }: (typeof found)[number]): number => stats?.birthtimeMs ?? 0;
    return found
      .toSorted((a, b) => begunAt(a) - begunAt(b) || numberOf(a.name) - numberOf(b.name))
      .map(({ name }) => name);
  }

  /** Undefined while it is not there. */
  async open(file: string): Promise<SpoolFile | undefined> {
    const base = this.#note?.file === file ? this.#note.position : 0;
    return await SpoolFile.open(path.join(this.directory, file), base);
  }

  /** What it takes on its file system. */
  async usedBytes(): Promise<number> {
    const names = await readdir(this.directory).catch(() => []);
    const sizes = names.map(async (name) => {
      const found = await stat(path.join(this.directory, name)).catch(() => undefined);
      return (found?.blocks ?? 0) * 512;
    });
    return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
  }
}
