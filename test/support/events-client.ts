/** Reads server-sent events of a restore as a client does. */
import { once } from 'node:events';
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { RestoreBody } from './stack.ts';

export interface ReceivedEvent {
  event: string;
  id: string;
  data: RestoreBody;
}

export interface EventsClient {
  status: number;
  headers: IncomingHttpHeaders;
  /** Undefined when the stream has ended. @throws when it was cut */
  next(): Promise<ReceivedEvent | undefined>;
  /** How many comments came so far. */
  comments(): number;
  hangUp(): void;
}

export async function openEvents(url: string, headers: Record<string, string>): Promise<EventsClient> {
  const asked = get(url, { headers, agent: false });
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const pieces = response.setEncoding('utf8')[Symbol.asyncIterator]();
  let text = '';
  let comments = 0;
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    comments: () => comments,
    hangUp: () => void asked.destroy(),
    async next() {
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end < 0) {
          const piece = (await pieces.next()) as IteratorResult<string, undefined>;
          if (piece.done) return undefined;
          text += piece.value;
          continue;
        }
        const fields = fieldsOf(text.slice(0, end));
        text = text.slice(end + 2);
        if (fields.has('')) comments += 1;
        const data = fields.get('data');
        if (data === undefined) continue;
        const [event, id] = [fields.get('event') ?? '', fields.get('id') ?? ''];
        return { event, id, data: JSON.parse(data) as RestoreBody };
      }
    },
  };
}

function fieldsOf(text: string): Map<string, string> {
  return new Map(
    text.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
}
