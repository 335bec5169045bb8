import type { LiveConnection } from './live-connection.ts'
import { serverUrlOf } from './urls.ts'

/** Asks the server to do something. Rejects with an Error with a message for the user. */
export async function act<T = object>(live: LiveConnection, name: string, body: object): Promise<T> {
  let response: Response
  try {
    response = await fetch(serverUrlOf(`page/actions/${name}`), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Tsdl-Page': live.welcome?.key ?? '' },
      body: JSON.stringify(body),
    })
  } catch {
    throw new Error('tsdl cannot be reached')
  }
  if (response.ok) return (await response.json()) as T
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  throw new Error(isJson ? (await response.json()).error : (await response.text()).trim())
}
