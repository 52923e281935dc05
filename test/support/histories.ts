/**
 * Recorded histories: what the workflows of an earlier version did. A change of a workflow that could not go on from
 * them would break the operations that run while it is deployed.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { runFolder } from './run.ts';

export const historiesFolder = path.join(import.meta.dirname, '..', 'histories');

/**
 * Set to record histories that are not there yet: `TIDEMARK_TEST_RECORD=1 npm test -- test/stack/backup-and-restore`.
 * One that is there stays, because a replay of what was just recorded proves nothing: before a workflow is changed,
 * give the old one a name that says of when it is (`restore-before-…`), and keep it.
 */
const recording = process.env['TIDEMARK_TEST_RECORD'] === '1';

/** Records a workflow's history as `<name>.json`, without what is only true on this machine. */
export async function recordHistory(client: Client, name: string, workflowId: string): Promise<void> {
  if (!recording) return;
  const history = await client.workflow.getHandle(workflowId).fetchHistory();
  const text = JSON.stringify(anonymous(JSON.parse(historyToJSON(history))), undefined, 1);
  await mkdir(historiesFolder, { recursive: true });
  try {
    await writeFile(path.join(historiesFolder, `${name}.json`), `${text}\n`, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** A history as text, with its payloads readable. */
export async function readHistory(client: Client, workflowId: string, runId: string): Promise<string> {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  return JSON.stringify(mapTexts(JSON.parse(historyToJSON(history)), (text) => text, decode));
}

const decode = (data: string): string => Buffer.from(data, 'base64').toString('utf8');

function anonymous(value: unknown): unknown {
  return mapTexts(value, general, (data) => Buffer.from(general(decode(data))).toString('base64'));
}

/** Every text through `ofText`, and what a payload holds through `ofData`. */
function mapTexts(
  value: unknown,
  ofText: (text: string) => string,
  ofData: (data: string) => string,
): unknown {
  if (typeof value === 'string') return ofText(value);
  if (Array.isArray(value)) return value.map((entry) => mapTexts(entry, ofText, ofData));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      key === 'data' && typeof entry === 'string' ? ofData(entry) : mapTexts(entry, ofText, ofData),
    ]),
  );
}

function general(text: string): string {
  return text
    .replaceAll(runFolder(), '/srv/tidemark')
    .replaceAll(path.join(import.meta.dirname, '..', '..'), '/opt/tidemark')
    .replaceAll(new RegExp(`\\d+@${os.hostname()}`, 'g'), '1@host')
    .replaceAll(`"${os.hostname()}"`, '"host"');
}
