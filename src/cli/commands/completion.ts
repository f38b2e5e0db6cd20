import { Argument, type Command } from 'commander'
import { completionScripts, type ShellName, shells } from '../completion/scripts.ts'
import type { CliContext } from '../context.ts'
import { examples } from '../local-node.ts'

export function configure(command: Command, context: CliContext): void {
  command.addArgument(new Argument('<shell>', 'the shell that it is for').choices(shells))
  command.addHelpText('after', `
Commands, options, their choices, and what the node beside you knows: databases, members, zones. Load it in each new shell by its start file:
  bash: echo 'source <(rdb completion bash)' >> ~/.bashrc
  zsh:  echo 'source <(rdb completion zsh)' >> ~/.zshrc    (after compinit)
  fish: rdb completion fish > ~/.config/fish/completions/rdb.fish
${examples(['source <(rdb completion bash)', 'rdb completion zsh > ~/.zfunc/_rdb', 'rdb completion fish | source'])}`)
  command.action((shell: ShellName) => context.stdout.write(completionScripts[shell]))
}
