import { isCrossSite } from '../api/cross-site.ts'
import type { ApiExchange } from '../api/http-api.ts'
import { sendRefusal } from '../responses.ts'

/** Refuses a request for a report that is not allowed, or is no GET. @returns false if the request can be answered */
export async function refuseReport(exchange: ApiExchange): Promise<boolean> {
  const { isAuthorized, request, response } = exchange
  if (!isAuthorized) {
    await exchange.waitForRefusal()
    const challenge = { 'WWW-Authenticate': 'Basic realm="tsdl"' }
    sendRefusal(response, 401, 'a token or a password is needed', challenge)
  } else if (request.method !== 'GET') sendRefusal(response, 405, 'only GET is allowed', { Allow: 'GET' })
  else if (isCrossSite(request)) sendRefusal(response, 403, 'a page of another site cannot read this')
  else return false
  return true
}
