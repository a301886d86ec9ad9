//! What survives a power cut, and what does not.

use super::*;

fn name(text: &str) -> &OsStr {
    OsStr::new(text)
}

/// A tree with a durable directory, and a durable file in it that holds `kept`.
fn grown() -> (Tree, Inode, Inode) {
    let mut tree = Tree::default();
    let dir = tree.make_dir(ROOT, name("d")).unwrap();
    tree.sync_dir(ROOT).unwrap();
    let file = tree.create(dir, name("f")).unwrap();
    tree.contents(file).unwrap().write(0, b"kept");
    tree.contents(file).unwrap().sync();
    tree.sync_dir(dir).unwrap();
    (tree, dir, file)
}

fn listed(tree: &Tree, dir: Inode) -> Vec<&str> {
    tree.names(dir).unwrap().keys().map(|name| name.to_str().unwrap()).collect()
}

fn cut(tree: &mut Tree) -> Forgotten {
    tree.cut_power(Path::new("")).unwrap()
}

#[test]
fn a_created_file_is_gone_unless_its_directory_was_synced_however_often_it_was_itself() {
    let (mut tree, dir, _) = grown();
    let new = tree.create(dir, name("new")).unwrap();
    tree.contents(new).unwrap().write(0, b"synced");
    tree.contents(new).unwrap().sync();
    assert_eq!(listed(&tree, dir), ["f", "new"]);
    assert_eq!(cut(&mut tree), Forgotten { names: 1, files: 0 });
    assert_eq!(listed(&tree, dir), ["f"]);
    assert_eq!(tree.contents(new).unwrap_err(), Refused::NotFound);
}

#[test]
fn a_durable_name_of_a_file_that_was_never_synced_leads_to_nothing() {
    let (mut tree, dir, _) = grown();
    let new = tree.create(dir, name("new")).unwrap();
    tree.contents(new).unwrap().write(0, b"not synced");
    tree.sync_dir(dir).unwrap();
    assert_eq!(cut(&mut tree), Forgotten { names: 0, files: 1 });
    assert_eq!(tree.length(new), Ok(Some(0)));
}

#[test]
fn a_rename_and_a_removal_are_undone_until_the_directory_was_synced() {
    let (mut tree, dir, file) = grown();
    tree.rename((dir, name("f")), (dir, name("g"))).unwrap();
    assert_eq!(listed(&tree, dir), ["g"]);
    assert_eq!(cut(&mut tree).names, 2);
    assert_eq!(tree.find(dir, name("f")), Ok(file));
    tree.remove(dir, name("f")).unwrap();
    cut(&mut tree);
    assert_eq!(tree.contents(file).unwrap().read(0, 9), b"kept");
    tree.rename((dir, name("f")), (dir, name("g"))).unwrap();
    tree.sync_dir(dir).unwrap();
    assert_eq!(cut(&mut tree), Forgotten::default());
    assert_eq!(listed(&tree, dir), ["g"]);
}

#[test]
fn what_a_rename_replaced_is_back_with_its_contents() {
    let (mut tree, dir, file) = grown();
    let new = tree.create(dir, name("new")).unwrap();
    tree.contents(new).unwrap().write(0, b"new");
    tree.contents(new).unwrap().sync();
    tree.rename((dir, name("new")), (dir, name("f"))).unwrap();
    assert_eq!(tree.find(dir, name("f")), Ok(new));
    cut(&mut tree);
    assert_eq!(tree.find(dir, name("f")), Ok(file));
    assert_eq!(tree.contents(file).unwrap().read(0, 9), b"kept");
}

#[test]
fn a_directory_whose_own_name_is_not_durable_is_gone_with_all_that_was_synced_in_it() {
    let (mut tree, dir, _) = grown();
    let inner = tree.make_dir(dir, name("inner")).unwrap();
    let file = tree.create(inner, name("f")).unwrap();
    tree.contents(file).unwrap().sync();
    tree.sync_dir(inner).unwrap();
    cut(&mut tree);
    assert_eq!(listed(&tree, dir), ["f"]);
    assert_eq!((tree.nodes.contains_key(&inner), tree.nodes.contains_key(&file)), (false, false));
}

#[test]
fn the_power_of_one_directory_is_cut_with_its_own_name_and_nothing_beside_it() {
    let (mut tree, dir, file) = grown();
    let other = tree.make_dir(ROOT, name("other")).unwrap();
    let beside = tree.create(other, name("f")).unwrap();
    tree.contents(beside).unwrap().write(0, b"stays");
    tree.contents(file).unwrap().write(0, b"lost");
    assert_eq!(tree.cut_power(Path::new("d")), Ok(Forgotten { names: 0, files: 1 }));
    assert_eq!(tree.contents(file).unwrap().read(0, 9), b"kept");
    assert_eq!(tree.contents(beside).unwrap().read(0, 9), b"stays");
    assert_eq!(tree.cut_power(Path::new("other")).unwrap().names, 2);
    assert_eq!(listed(&tree, ROOT), ["d"]);
    assert_eq!(tree.cut_power(Path::new("d/nobody")), Err(Refused::NotFound));
    assert!(tree.names(dir).is_ok());
}

#[test]
fn a_file_lives_while_it_is_open_or_durable_and_no_longer() {
    let (mut tree, dir, file) = grown();
    tree.open(file).unwrap();
    tree.remove(dir, name("f")).unwrap();
    tree.sync_dir(dir).unwrap();
    assert_eq!(tree.contents(file).unwrap().read(0, 9), b"kept");
    tree.close(file);
    assert_eq!(tree.contents(file).unwrap_err(), Refused::NotFound);
    assert_eq!(tree.nodes.len(), 2, "the root, and d");
}

#[test]
fn names_are_refused_as_an_operating_system_would() {
    let (mut tree, dir, file) = grown();
    assert_eq!(tree.create(dir, name("f")), Err(Refused::Exists));
    assert_eq!(tree.remove(ROOT, name("d")), Err(Refused::IsADirectory));
    assert_eq!(tree.remove_dir(ROOT, name("d")), Err(Refused::NotEmpty));
    assert_eq!(tree.remove_dir(dir, name("f")), Err(Refused::NotADirectory));
    assert_eq!(tree.create(file, name("f")), Err(Refused::NotADirectory));
    assert_eq!(tree.find(dir, name("nobody")), Err(Refused::NotFound));
}
