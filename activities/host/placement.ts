/** Where an agent's own things may lie: never among the files of the server, which are moved as a whole. */
import path from 'node:path';
import type { AgentSettings } from '../../config/agent.ts';
import type { Layout } from '../../domain/layout.ts';

/** What lies where a restore would move or remove it, each a sentence with what to do; empty when nothing does. */
export function misplaced(settings: AgentSettings, layout: Layout): string[] {
  const places = [
    { name: 'state_directory', place: settings.state_directory },
    ...(settings.prover ? [{ name: 'prover.directory', place: settings.prover.directory }] : []),
    { name: 'storage', place: settings.storage.replace(/^file:\/\//, '') },
  ];
  return places.flatMap(({ name, place }) =>
    layout.members
      // Of the other members only certain files are moved, whatever lies beside them.
      .filter(({ kind, directory }) => kind === 'data' && isWithin(path.resolve(place), directory))
      .map(
        ({ directory }) =>
          `${name} = ${place} lies in ${directory}, which belongs to the server and is moved by a restore: ` +
          'give it a place outside.',
      ),
  );
}

function isWithin(place: string, directory: string): boolean {
  return place === directory || place.startsWith(`${directory}/`);
}
