/** Splits a command as a shell would, quotes and backslashes heeded; undefined when it needs more of a shell than that. */
export function splitWords(command: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < command.length; i++) {
    const char = command[i]!;
    if (quote !== '') {
      if (char === quote) quote = '';
      else if (quote === '"' && (char === '$' || char === '`')) return undefined;
      else word += quote === '"' && char === '\\' && '"\\'.includes(command[i + 1] ?? '') ? command[++i]! : char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if ('|&;<>()$`*?[]{}'.includes(char) || (word === undefined && '~#!'.includes(char))) {
      return undefined;
    } else {
      if (char === '\\' && i + 1 === command.length) return undefined;
      word = (word ?? '') + (char === '\\' ? command[++i]! : char);
    }
  }
  if (quote !== '') return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
