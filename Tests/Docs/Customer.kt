import java.util.UUID
import kotlinx.coroutines.runBlocking

/** Does with the guide's client what an app does; the argument is the service's address. */
fun main(arguments: Array<String>) = runBlocking {
    val service = ConnectService(arguments[0]) { "a-bearer" }
    val tap = UUID.randomUUID()
    val minted = service.mint(tap)
    check(minted.state == "created" && minted.launchURL!!.contains("/connect#ticket=") && minted.locationID == null)
    check(service.mint(tap).id == minted.id)
    check(service.session(minted.id).state == "created")
    val problem = try {
        service.session("cs_unknown")
        null
    } catch (problem: Problem) {
        problem
    }
    check(problem!!.code == "not_found" && problem.requestID.startsWith("req_"))
}
