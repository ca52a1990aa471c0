// The end of a Package.swift that keeps only what the sanitizers need; scripts/check-sanitizers puts it there.

@MainActor func needs(of name: String) -> Set<String> {
    let dependencies = package.targets.first { $0.name == name }?.dependencies ?? []
    return dependencies.reduce(into: [name]) { needed, dependency in
        if case .byNameItem(let name, _) = dependency { needed.formUnion(needs(of: name)) }
    }
}
let needed = needs(of: "RelayTests")
package.targets.removeAll { !needed.contains($0.name) }
// ConnectClient is none of these.
package.products = []
