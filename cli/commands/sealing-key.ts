/** `tidemark sealing-key`: makes and replaces the deployment's sealing key, on the deployment's host. */
import { Command } from 'commander';
import type { Io } from '../io.ts';
import { makeKeyFile, rotateKeyFile } from '../key-file.ts';

export function sealingKeyCommand(io: Io): Command {
  const say = (text: string): void => void io.stderr.write(`${text}\n`);
  const make = new Command('make')
    .summary('make the file with a first key')
    .description(
      'Make a file with a new key, readable by its owner alone. Give it to every api and control worker as sealing_key_file.',
    )
    .argument('<file>', 'where; it must not exist')
    .addHelpText('after', '\nExamples:\n  $ tidemark sealing-key make /etc/tidemark/sealing-key')
    .action((file: string) => {
      say(`${file} has the key ${makeKeyFile(file)}. Keep a copy where the catalog's copies are not.`);
    });
  const rotate = new Command('rotate')
    .summary('put a new key above those there are')
    .description(
      'Put a new key at the top of the file: it seals from the next start of each process on. The older keys stay below it, because what they sealed is opened with them.',
    )
    .argument('<file>', 'the file of the keys')
    .addHelpText('after', '\nExamples:\n  $ tidemark sealing-key rotate /etc/tidemark/sealing-key')
    .action((file: string) => {
      const [first, ...older] = rotateKeyFile(file);
      say(`${file} has the new key ${first}; ${older.join(', ')} open what was sealed before.`);
      say('Give the file to every host first, then start every api and control worker anew.');
    });
  return new Command('sealing-key')
    .description(
      "Make and replace the deployment's sealing key. Run it on a host of the deployment: it works on a file, not through the API.",
    )
    .addCommand(make)
    .addCommand(rotate);
}
