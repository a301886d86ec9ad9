//! What the fault matrix says of where each sequence is proved is so.

use compare::faults::matrix::{Known, Proof};

use super::{sources, workspace};

#[test]
fn every_test_that_the_matrix_names_exists() {
    let sources = sources();
    let mut wrong = Vec::new();
    for (known, proof) in
        Known::ALL.iter().flat_map(|known| known.proofs.iter().map(move |proof| (known, proof)))
    {
        let there = match proof {
            Proof::Test(file, name) => {
                let head = format!("fn {name}(");
                sources.iter().any(|source| source.path == *file && source.text.contains(&head))
            }
            Proof::Script(file) => workspace().join(file).is_file(),
            // Of the matrix itself, and of the list of mutants: tests of theirs look.
            Proof::Row(_) | Proof::Mutant(_) => true,
        };
        if !there {
            wrong.push(format!("{}: there is no {proof}", known.number));
        }
    }
    super::assert_none("proofs of sequences", &wrong);
}
