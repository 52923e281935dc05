/** What a command that asks the API works with: the client, and where its answers go. */
import { Command, type Option } from 'commander';
import { Client } from '../client/client.ts';
import type { Io } from './io.ts';
import { type ConnectionFlags, connectionOptions } from './options.ts';
import { details } from './output/details.ts';
import { printable } from './output/printable.ts';
import { connectionSettings } from './settings.ts';

export class Session {
  readonly client: Client;
  readonly io: Io;
  readonly #json: boolean;

  private constructor(client: Client, io: Io, json: boolean) {
    this.client = client;
    this.io = io;
    this.#json = json;
  }

  static async open(flags: ConnectionFlags, io: Io): Promise<Session> {
    const { address, token, timeoutMs, warnings } = await connectionSettings(flags, io.env);
    const client = new Client(address, token, { timeoutMs, signal: io.interrupted });
    const session = new Session(client, io, flags.json === true);
    for (const warning of warnings) session.say(`Warning: ${warning}`);
    return session;
  }

  /** An answer: as it is for scripts, of which an empty one is no line, otherwise as a text for people. */
  answer(answer: object | undefined, text: (width: number | undefined) => string): void {
    this.answers(answer === undefined ? [] : [answer], text);
  }

  /** As `answer`, of several answers of which a person sees one text. */
  answers(answers: readonly object[], text: (width: number | undefined) => string): void {
    const { stdout } = this.io;
    const lines = this.#json
      ? answers.map((answer) => JSON.stringify(answer)).join('\n')
      : text(stdout.isTTY ? stdout.columns : undefined);
    if (lines !== '') stdout.write(`${lines}\n`);
  }

  /** One record with all its fields. */
  show(record: object): void {
    this.answer(record, () => details(record));
  }

  /** Something besides the answer, for a person. */
  say(text: string): void {
    this.io.stderr.write(`${printable(text)}\n`);
  }

  /** As `say`, but only where a person reads the answer. */
  hint(text: string): void {
    if (!this.#json) this.say(text);
  }
}

/** A command that asks the API. */
interface ApiCommand<O> {
  /** Name and operands: `get <id>`. */
  usage: string;
  description: string;
  /** Command lines that work, without `tidemark`. */
  examples: readonly string[];
  options?: readonly Option[];
  /** What it does: with its session, its options, and its operands. */
  work: (session: Session, options: O, ...operands: string[]) => Promise<void>;
}

/** Makes the command, with the options that all of them have. */
export function apiCommand<O extends object>(io: Io, definition: ApiCommand<O>): Command {
  const { usage, description, examples, options = [], work } = definition;
  const [name, ...operands] = usage.split(' ');
  const command = new Command(name).description(description);
  for (const operand of operands) command.argument(operand);
  for (const option of options) command.addOption(option);
  command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ tidemark ${line}`).join('\n')}`);
  return connectionOptions(command).action(async (...given: unknown[]) => {
    const flags = command.optsWithGlobals<O & ConnectionFlags>();
    await work(await Session.open(flags, io), flags, ...(given.slice(0, operands.length) as string[]));
  });
}

/** Commands that belong together; without another word the first one is meant. */
export function commandGroup(
  name: string,
  description: string,
  commands: readonly [Command, ...Command[]],
): Command {
  const group = new Command(name).description(`${description} Without another word: ${commands[0].name()}.`);
  for (const [index, command] of commands.entries()) group.addCommand(command, { isDefault: index === 0 });
  return group;
}
