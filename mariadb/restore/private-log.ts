/** What a private server logged, for an error's message. */
import { readFile } from 'node:fs/promises';

/** The lines that say what went wrong, else the last ones; in one line, 800 characters at most. */
export async function tellingLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.filter((line) => /\[ERROR\]|Fatal|Aborting|signal \d+/.test(line));
  return (telling.length > 0 ? telling : lines.slice(-3)).join(' | ').slice(-800);
}
