import Core
import Synchronization

/// How many listen, in all and for each subject: a stream is cheap, and so is opening thousands.
final class Listeners: Sendable {
    private static let most = 1000
    private static let mostOfSubject = 10
    private let listening = Mutex<[Subject: Int]>([:])

    /// One stream's slot; it is given back with the stream, or with an answer that never began to stream.
    final class Slot: Sendable {
        private let listeners: Listeners
        private let subject: Subject
        private let hasLeft = Atomic(false)

        fileprivate init(_ listeners: Listeners, _ subject: Subject) {
            self.listeners = listeners
            self.subject = subject
        }

        deinit { leave() }

        func leave() {
            if !hasLeft.exchange(true, ordering: .relaxed) { listeners.leave(subject) }
        }
    }

    /// Takes a slot, checked and taken in one step.
    func enter(_ subject: Subject) throws(BFFError) -> Slot {
        try listening.withLock { (listening) throws(BFFError) in
            let own = listening[subject] ?? 0
            guard own < Self.mostOfSubject else { throw .rateLimited(retryAfter: 5) }
            guard listening.values.reduce(0, +) < Self.most else { throw .overloaded }
            listening[subject] = own + 1
        }
        return Slot(self, subject)
    }

    private func leave(_ subject: Subject) {
        listening.withLock { listening in
            let left = (listening[subject] ?? 1) - 1
            listening[subject] = left > 0 ? left : nil
        }
    }
}
