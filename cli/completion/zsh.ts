/** Completion for zsh, with what each word means. */
import { stepTo } from './bash.ts';
import type { CommandNode } from './tree.ts';
import { valueCases, valueOptions } from './values.ts';

export function zshCompletion(tree: readonly CommandNode[]): string {
  const paths = tree.slice(1).map(({ path }) => quoted(stepTo(path)));
  const values = valueCases(tree).map(({ patterns, values: words, file }) => {
    const reply = file ? '_files; ' : words.length > 0 ? `compadd -- ${words.map(quoted).join(' ')}; ` : '';
    return `    (${patterns.map(quoted).join(' | ')}) ${reply}return ;;`;
  });
  const words = tree.map(({ path, commands, options, operands }) => {
    const next = [...commands.map(described), ...operands.map(quoted)].join(' ');
    return `    (${quoted(path)}) commands=(${next}) options=(${options.map(described).join(' ')}) ;;`;
  });
  return `#compdef tidemark
# Completion of tidemark for zsh. To have it in every shell, put this line into ~/.zshrc, after compinit:
#   source <(tidemark completion zsh)
_tidemark() {
  local command='' previous=\${words[CURRENT - 1]}
  local -a commands options
  integer index
  for ((index = 2; index < CURRENT; index++)); do
    case \${words[index]} in
      (${valueOptions(tree).join(' | ')})
        ((index++))
        continue
        ;;
    esac
    case "$command/\${words[index]}" in
      (${paths.join(' | ')}) command=\${command:+$command }\${words[index]} ;;
    esac
  done
  case "$command $previous" in
${values.join('\n')}
  esac
  case $command in
${words.join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
  else
    ((\${#commands})) && _describe command commands
  fi
}
if [[ \${funcstack[1]-} == _tidemark ]]; then _tidemark "$@"; else compdef _tidemark tidemark; fi
`;
}

/** A colon separates a word from what it means. */
function described({ word, summary }: { word: string; summary: string }): string {
  return quoted(`${word}:${summary.replaceAll('\\', '\\\\').replaceAll(':', '\\:')}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
