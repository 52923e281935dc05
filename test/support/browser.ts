/** A headless Chromium for one suite, driven through the DevTools protocol. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runFolder } from './run.ts';

const names = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];

/** Where this machine's browser is; undefined: it has none. */
export const browserProgram: string | undefined = (process.env['PATH'] ?? '')
  .split(path.delimiter)
  .flatMap((folder) => names.map((name) => path.join(folder, name)))
  .find((program) => {
    try {
      accessSync(program, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

export interface Page {
  /** The address of every request that the page made. */
  requests: string[];
  /** What the page wrote to its console as an error, what it threw, what its policy forbade. */
  complaints: string[];
  open(url: string): Promise<void>;
  /** The value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression in the page is true. */
  until(expression: string): Promise<void>;
  close(): Promise<void>;
}

export async function openPage(program: string): Promise<Page> {
  const profile = await mkdtemp(path.join(runFolder(), 'browser-'));
  const child = spawn(
    program,
    [
      '--headless',
      // In a container there is neither a sandbox nor much shared memory.
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    // A group of its own: what is named on the PATH may be a script that starts the browser, and that starts others.
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  const closeBrowser = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'close');
      process.kill(-Number(child.pid), 'SIGKILL');
      await gone;
    }
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const origin = new URL(await debuggerAddress(child)).host;
    const targets = (await (await fetch(`http://${origin}/json/list`)).json()) as {
      type: string;
      webSocketDebuggerUrl: string;
    }[];
    const target = targets.find(({ type }) => type === 'page');
    if (!target) throw new Error('the browser has no page');
    return await pageAt(target.webSocketDebuggerUrl, closeBrowser);
  } catch (error) {
    await closeBrowser();
    throw error;
  }
}

/** It is printed once the browser listens. */
async function debuggerAddress(child: ChildProcess): Promise<string> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const end = Date.now() + 60_000;
  while (Date.now() < end && child.exitCode === null) {
    const found = /listening on (ws:\/\/\S+)/.exec(said)?.[1];
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error(`the browser did not start: ${said}`);
}

async function pageAt(address: string, closeBrowser: () => Promise<void>): Promise<Page> {
  const socket = new WebSocket(address);
  await once(socket, 'open');
  const answers = new Map<number, (message: Message) => void>();
  const requests: string[] = [];
  const complaints: string[] = [];
  let last = 0;
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) answers.get(message.id)?.(message);
    const params = message.params ?? {};
    if (message.method === 'Network.requestWillBeSent') {
      requests.push((params['request'] as { url: string }).url);
    } else if (message.method === 'Runtime.exceptionThrown') {
      complaints.push(JSON.stringify(params['exceptionDetails']));
    } else if (message.method === 'Log.entryAdded') {
      const entry = params['entry'] as { level: string; text: string; url?: string };
      if (entry.level === 'error') complaints.push(`${entry.text} ${entry.url ?? ''}`);
    }
  });
  const send = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    last += 1;
    const id = last;
    const answered = new Promise<Message>((resolve) => answers.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await answered;
    answers.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  };
  for (const domain of ['Network', 'Runtime', 'Log', 'Page']) await send(`${domain}.enable`);

  const evaluate = async <T>(expression: string): Promise<T> => {
    const answer = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (answer['exceptionDetails']) throw new Error(JSON.stringify(answer['exceptionDetails']));
    return (answer['result'] as { value: T }).value;
  };
  return {
    requests,
    complaints,
    evaluate,
    async open(url) {
      await send('Page.navigate', { url });
    },
    async until(expression) {
      const end = Date.now() + 60_000;
      while (!(await evaluate<boolean>(`Boolean(${expression})`))) {
        if (Date.now() > end) throw new Error(`in the page it did not become true: ${expression}`);
        await sleep(100);
      }
    },
    async close() {
      socket.close();
      await closeBrowser();
    },
  };
}
