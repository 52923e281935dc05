import { open } from 'node:fs/promises';

/** Reads to the end and throws away what it reads. @returns how many bytes it was */
export async function drain(source: AsyncIterable<Uint8Array> | undefined): Promise<number> {
  let bytes = 0;
  for await (const chunk of source ?? []) bytes += chunk.length;
  return bytes;
}

/** Writes a file with what is read; each chunk is written before the next one is asked for. */
export async function writeAll(source: AsyncIterable<Uint8Array>, file: string): Promise<void> {
  await using handle = await open(file, 'w');
  for await (const chunk of source) await handle.writeFile(chunk);
}
