/** Asks for the token of a node that wants one. It is handed over once; what stays is a cookie that no script can read. */
import { byId, setText } from './elements.ts'
import { postSession } from './node-requests.ts'
import { RequestProblem } from './problem.ts'

export interface SignIn {
  /** Shows the form. */
  open(): void
}

export function createSignIn({ signedIn }: { readonly signedIn: () => void }): SignIn {
  const dialog = byId<HTMLDialogElement>('sign-in')
  const form = byId<HTMLFormElement>('sign-in-form')
  const token = byId<HTMLInputElement>('sign-in-token')
  const problem = byId('sign-in-problem')

  async function submit(): Promise<void> {
    setText(problem, '')
    try {
      await postSession(token.value.trim())
    } catch (error) {
      setText(problem, error instanceof RequestProblem ? (error.status === 401 ? 'This is not the token of the node.' : error.message) : 'The node cannot be reached.')
      token.select()
      return
    }
    token.value = ''
    dialog.close()
    signedIn()
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void submit()
  })
  return {
    open() {
      if (!dialog.open) dialog.showModal()
    },
  }
}
