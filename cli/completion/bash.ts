/** Completion for bash, also the 3.2 that macOS has. */
import type { CommandNode } from './tree.ts';
import { valueCases, valueOptions } from './values.ts';

export function bashCompletion(tree: readonly CommandNode[]): string {
  const paths = tree.slice(1).map(({ path }) => quoted(stepTo(path)));
  const values = valueCases(tree).map(({ patterns, values: words, file }) => {
    const generate = file ? 'compgen -f' : `compgen -W ${quoted(words.join(' '))}`;
    const reply = file || words.length > 0 ? `COMPREPLY=($(${generate} -- "$current")); ` : '';
    return `    ${patterns.map(quoted).join(' | ')}) ${reply}return ;;`;
  });
  const words = tree.map(({ path, commands, options, operands }) => {
    const next = [...commands.map(({ word }) => word), ...operands].join(' ');
    const flags = options.map(({ word }) => word).join(' ');
    return `    ${quoted(path)}) commands=${quoted(next)} options=${quoted(flags)} ;;`;
  });
  return `# Completion of tidemark for bash. To have it in every shell, put this line into ~/.bashrc:
#   source <(tidemark completion bash)
_tidemark() {
  local IFS=$' \\t\\n' current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local command='' commands='' options='' index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
    ${valueOptions(tree).join(' | ')})
      index=$((index + 1))
      continue
      ;;
    esac
    case "$command/\${COMP_WORDS[index]}" in
    ${paths.join(' | ')}) command=\${command:+$command }\${COMP_WORDS[index]} ;;
    esac
  done
  case "$command $previous" in
${values.join('\n')}
  esac
  case $command in
${words.join('\n')}
  esac
  case $current in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$commands" -- "$current")) ;;
  esac
}
complete -o bashdefault -F _tidemark tidemark
`;
}

/** How the walk through the words sees a command: where it was, and the word that leads on. */
export function stepTo(path: string): string {
  const words = path.split(' ');
  return `${words.slice(0, -1).join(' ')}/${words.at(-1)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
