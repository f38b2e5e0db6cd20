/**
 * The shells' side of completion: each hands the words up to the cursor to `rdb complete --`, which answers a line an offer, `value<tab>meaning`, and at
 * last `:files` or `:folders` where paths are wanted. Names of commands hold colons, which bash takes for ends of words and zsh for beginnings of meanings.
 * Bash inserts an offer as it is and would run what it says, so it is quoted here; zsh and fish quote what they insert.
 */
export const shells = ['bash', 'zsh', 'fish'] as const
export type ShellName = (typeof shells)[number]

const bash = `# rdb completion for bash. Load it with: source <(rdb completion bash)
_rdb_complete() {
  local IFS=$' \\t\\n' line="\${COMP_LINE:0:COMP_POINT}" rest word offer index wants=
  local -a words
  rest=$line
  # Bash has split the words at colons and equal signs; what stood together is put together again.
  for ((index = 0; index <= COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ $index -eq 0 || $rest == [[:space:]]* ]]; then
      rest=\${rest#"\${rest%%[![:space:]]*}"}
      [[ $index -eq $COMP_CWORD ]] && word=$rest
      words[\${#words[@]}]=$word
    else
      [[ $index -eq $COMP_CWORD ]] && word=$rest
      words[\${#words[@]}-1]+=$word
    fi
    rest=\${rest#"$word"}
  done
  local current=\${words[\${#words[@]}-1]} before=
  # What bash will replace begins behind the last of its own ends of words.
  if [[ $COMP_WORDBREAKS == *:* && $current == *:* ]]; then before=\${current%"\${current##*:}"}; fi
  if [[ $COMP_WORDBREAKS == *=* && $current == *=* ]]; then
    offer=\${current%"\${current##*=}"}
    [[ \${#offer} -gt \${#before} ]] && before=$offer
  fi
  COMPREPLY=()
  while IFS= read -r offer; do
    case $offer in
      :files | :folders) wants=$offer ;;
      *)
        offer=\${offer%%$'\\t'*}
        offer=\${offer#"$before"}
        # Nothing, quoted, would be a pair of quotes.
        [[ -n $offer ]] && printf -v offer %q "$offer"
        COMPREPLY[\${#COMPREPLY[@]}]=$offer
        ;;
    esac
  done < <("\${words[0]}" complete -- "\${words[@]:1}" 2>/dev/null)
  if [[ -n $wants ]]; then
    local action=file
    [[ $wants == :folders ]] && action=directory
    compopt -o filenames 2>/dev/null
    while IFS= read -r offer; do COMPREPLY[\${#COMPREPLY[@]}]=$offer; done < <(compgen -A "$action" -- "\${current#"$before"}")
  fi
}
complete -F _rdb_complete rdb
`

const zsh = `#compdef rdb
# rdb completion for zsh. Load it with: source <(rdb completion zsh), or write it to a file _rdb in a folder of fpath.
_rdb() {
  local line value meaning wants
  local -a lines offers
  lines=("\${(@f)$("\${(Q)words[1]}" complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  for line in $lines; do
    case $line in
      :files | :folders) wants=$line ;;
      *)
        value=\${line%%$'\\t'*}
        value=\${value//\\\\/\\\\\\\\}
        meaning=\${line#*$'\\t'}
        offers+=("\${value//:/\\\\:}:$meaning")
        ;;
    esac
  done
  (( \${#offers} )) && _describe -t values rdb offers
  case $wants in
    :files) _files ;;
    :folders) _files -/ ;;
  esac
}
if [ "$funcstack[1]" = _rdb ]; then _rdb "$@"; else compdef _rdb rdb; fi
`

const fish = `# rdb completion for fish. Load it with: rdb completion fish | source, or write it to ~/.config/fish/completions/rdb.fish.
function __rdb_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  for line in (command $words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
    switch $line
      case :files
        __fish_complete_path "$current"
      case :folders
        __fish_complete_directories "$current" ''
      case '*'
        echo $line
    end
  end
end
complete -c rdb -f -a '(__rdb_complete)'
`

export const completionScripts: Readonly<Record<ShellName, string>> = { bash, zsh, fish }
