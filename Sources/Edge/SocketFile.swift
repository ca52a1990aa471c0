import FoundationEssentials
import Glibc
import NIOCore
import NIOPosix

/// The file of a unix socket on which a server listens.
struct SocketFile {
    let path: String
    let mode: UInt16

    /// Removes what a process left behind that did not end well.
    /// - Throws: When another process listens on it, or when it is something else than a socket.
    func makeRoom() async throws(CannotListen) {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return }
        guard attributes[.type] as? FileAttributeType == .typeSocket else {
            throw cannot("a file that is no socket is in its place")
        }
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: path).get()
            try? await channel.close()
        } catch let error as IOError where error.errnoCode == ECONNREFUSED {
            do { try FileManager.default.removeItem(atPath: path) } catch {
                throw cannot("an old socket is in its place and cannot be removed")
            }
            return
        } catch {
            throw cannot("a socket is in its place that cannot be tried: \(error)")
        }
        throw cannot("another process listens there")
    }

    /// Lets those connect who should; until then the file is this user's, as far as the process's umask says.
    func open() throws(CannotListen) {
        do {
            try FileManager.default.setAttributes([.posixPermissions: Int(mode)], ofItemAtPath: path)
        } catch {
            throw cannot("its permissions cannot be set")
        }
    }

    private func cannot(_ why: String) -> CannotListen {
        CannotListen(address: .unix(path: path, mode: mode), why: why)
    }
}
