/** The page docs/cli.md: what the commands say of themselves, after what holds for all of them. */
import type { Command } from 'commander';
import { exitCodeMeanings } from './exit-codes.ts';
import type { Io } from './io.ts';
import { connectionGroup } from './options.ts';
import { allNames, buildProgram } from './program.ts';

const columns = 100;

/** The page in Markdown. */
export async function referencePage(): Promise<string> {
  const said: string[] = [];
  const stream = { columns, write: (text: string) => said.push(text) > 0 } as unknown as NodeJS.WriteStream;
  const { signal } = new AbortController();
  const io: Io = { stdout: stream, stderr: stream, env: {}, interrupted: signal };
  const program = await buildProgram(io, { exitCode: 0 }, allNames());
  const textOf = (command: Command): string => {
    said.length = 0;
    command.outputHelp();
    return said.join('').trim();
  };
  const codes = exitCodeMeanings.map(([code, meaning]) => `- \`${code}\`: ${meaning}`);
  const chapters = program.commands.map((command) =>
    [`### ${command.name()}`, ...leaves(command).map((leaf) => block(withoutShared(textOf(leaf))))].join(
      '\n\n',
    ),
  );
  return `${introduction(section(textOf(program), connectionGroup))}
## Exit codes

Scripts can rely on them.

${codes.join('\n')}

## Commands

The options of connection and output, above, belong to every command that asks the API, and are left out here.

${chapters.join('\n\n')}
`;
}

function introduction(connection: string): string {
  return `# The command line

\`npx tidemark\` in the checkout, or \`cli/tidemark\` from anywhere. All but the commands of the deployment's host and of files are requests to the REST API and nothing more: what they can do, curl can do. Options have the names of the API's fields and query parameters, with \`-\` for \`_\`.

Answers go to standard output: tables and records for people, with times in UTC; with \`--json\` the API's answers as they are, one a line. Everything else, progress included, goes to standard error. On a terminal progress is a bar, elsewhere a line for each phase.

\`--wait\` and \`tidemark watch\` follow an operation to its end, also when the API is away for some minutes meanwhile. Ctrl-C ends the watching; the operation goes on.

A request that nothing answers is sent again, up to four times. Orders carry an \`Idempotency-Key\`, so that the API carries each out once.

## Where the API is, and the token

${block(connection)}

What is said on the command line wins over the environment, and that over the settings file. The token never is an argument, where other users of the machine could read it: it comes from the variable \`TIDEMARK_TOKEN\` or from a file.

The settings file is \`~/.config/tidemark/config.toml\`, or lies in \`$XDG_CONFIG_HOME/tidemark\`. It has a section for each API; \`default\` is taken when no profile is named.

\`\`\`toml
[profile.default]
url = "http://127.0.0.1:8080"
token_file = "token"            # counts from the folder of this file

[profile.production]
url = "https://backups.example.com"
token = "tmk_…"
\`\`\`

\`chmod 600\` what holds a token; there is a warning otherwise. The token of a profile is sent to the address of that profile alone: with \`--url\` or \`TIDEMARK_URL\` for another one, say which token is for it. A profile that \`--profile\` names wins over \`TIDEMARK_URL\` and \`TIDEMARK_TOKEN\`; one that \`TIDEMARK_PROFILE\` names does not.

## Completion

\`source <(tidemark completion bash)\` in \`~/.bashrc\`, or \`source <(tidemark completion zsh)\` in \`~/.zshrc\` after \`compinit\`.
`;
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** The lines of one group of a help text, without its heading. */
function section(text: string, heading: string): string {
  return (
    text
      .split('\n\n')
      .find((part) => part.startsWith(`${heading}\n`))
      ?.slice(heading.length + 1) ?? ''
  );
}

function withoutShared(text: string): string {
  return text
    .split('\n\n')
    .filter((part) => !part.startsWith(`${connectionGroup}\n`))
    .map((part) => part.replace(/\n {2}-h, --help .*/, ''))
    .filter((part) => part !== 'Options:')
    .join('\n\n');
}

function block(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}
