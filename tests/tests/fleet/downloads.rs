//! Folders come to whoever asks as archives that everyone's programs open.

use crate::scan::fleet;
use keepwatch_tests::tree::{assert_same, describe, plant};
use keepwatch_tests::{Controller, until};
use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an office has, and what a zip holds.
fn plant_office(root: &Path) {
    fs::create_dir_all(root.join("部门 A/空")).unwrap();
    for n in 0..300 {
        fs::write(root.join(format!("部门 A/letter {n}.txt")), format!("letter {n}\n").repeat(n)).unwrap();
    }
    let noise: Vec<u8> = (0..18_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(root.join("mail.pst"), noise).unwrap();
    fs::write(root.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("部门 A/letter 7.txt", root.join("newest")).unwrap();
}

/// The same, as far as a zip has it: whole seconds, and a link without a time.
fn in_a_zip(root: &Path) -> std::collections::BTreeMap<PathBuf, String> {
    let mut all = describe(root);
    for (path, fact) in &mut all {
        let meta = root.join(path).symlink_metadata().unwrap();
        let nanos = format!("{:09}", std::os::unix::fs::MetadataExt::mtime_nsec(&meta));
        *fact = match meta.is_symlink() {
            true => fact.split(" -> ").last().unwrap().to_owned(),
            false => fact.replacen(&format!(".{nanos}"), "", 1),
        };
    }
    all
}

fn unpack(program: &str, options: &[&str], archive: &Path, into: &Path) {
    fs::create_dir_all(into).unwrap();
    let ran = Command::new(program).args(options).arg(archive).current_dir(into).output().unwrap();
    assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_folder_comes_as_a_zip_or_a_tar_and_unpacks_as_it_was() {
    let (controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    let (office, odd) = (disk.join("办公"), disk.join("odd"));
    fs::create_dir(&office).unwrap();
    plant_office(&office);
    fs::create_dir(&odd).unwrap();
    plant(&odd);
    fs::hard_link(odd.join("noise.bin"), odd.join("second name")).unwrap();
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();

    let here = agent.restored();
    let zip = here.join("office.zip");
    let got = staff.run(["download", &host, "latest", text(&office), "--to", text(&zip)]).ok();
    assert!(got.err.contains("downloading") && !got.err.contains("left out"), "{got:?}");
    unpack("unzip", &["-q"], &zip, &here.join("zip"));
    assert_same(&in_a_zip(&office), &in_a_zip(&here.join("zip/办公")));
    // Nothing goes over what is there.
    assert!(staff.run(["download", &host, "latest", text(&office), "--to", text(&zip)]).err.contains("--force"));

    // A zip cannot hold it: without a wish it is a tar, and it says why.
    let refused = staff.run(["download", &host, "latest", text(&odd), "--format", "zip", "--to", text(&here)]);
    assert!(refused.code == 1 && refused.err.contains("--format tar"), "{refused:?}");
    let got = staff.run(["download", &host, "latest", text(&odd), "--to", text(&here)]).ok();
    assert!(got.err.contains("as a tar") && got.err.contains("UTF-8"), "{got:?}");
    unpack("tar", &["-xpf"], &here.join("odd.tar"), &here.join("tar"));
    assert_same(&describe(&odd), &describe(&here.join("tar/odd")));
    let names = fs::metadata(here.join("tar/odd/noise.bin")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::nlink(&names), 2);
    // And any folder is one if that is asked for, also down a pipe.
    let piped = staff.run(["download", &host, "latest", text(&office), "--format", "tar", "--to", text(&here)]).ok();
    assert!(piped.err.contains("办公.tar"), "{piped:?}");
    unpack("tar", &["-xpf"], &here.join("办公.tar"), &here.join("tar"));
    assert_same(&describe(&office), &describe(&here.join("tar/办公")));
    // All of a snapshot has no name of its own.
    staff.run(["download", &host, "latest", "/", "--to", text(&here.join("all"))]).ok();
    unpack("tar", &["-xpf"], &here.join("all"), &here.join("whole"));
    let top = fs::read_dir(here.join("whole")).unwrap().next().unwrap().unwrap().path();
    assert!(text(&top).contains("snapshot-"), "{top:?}");
    assert_same(&describe(&disk), &describe(&top.join(disk.strip_prefix("/").unwrap())));

    the_page_gives_the_same(&controller, &staff.json(&["snapshots", &host])[0], &host, &office, &here);
    let audited = staff.json(&["audit"]).to_string();
    assert!(audited.contains("file download") && audited.contains("办公"), "{audited}");
}

/// Somebody who is logged in at the page.
struct Visitor {
    client: Client,
    door: String,
    cookie: String,
}

impl Visitor {
    fn get(&self, address: &str) -> Response {
        self.client.get(format!("{}{address}", self.door)).header("cookie", &self.cookie).send().unwrap()
    }
}

fn visitor(controller: &Controller) -> Visitor {
    // A second install changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ca = reqwest::Certificate::from_pem(controller.ca_pem().as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([ca]).redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let form = format!("name=admin&password={}", controller.password());
    let door = controller.staff_door();
    let kind = "application/x-www-form-urlencoded";
    let login = client.post(format!("{door}/login")).header("sec-fetch-site", "same-origin");
    let answer = login.header("content-type", kind).body(form).send().unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    Visitor { client, door, cookie }
}

fn the_page_gives_the_same(
    controller: &Controller,
    snapshot: &serde_json::Value,
    host: &str,
    folder: &Path,
    here: &Path,
) {
    let visitor = visitor(controller);
    let get = |address: &str| visitor.get(address);
    let id = snapshot["id"].as_str().unwrap();
    let page = get(&format!("/hosts/{host}/snapshots/{id}?path={}", text(folder.parent().unwrap()))).text().unwrap();
    let link = page.split("href=\"").map(|rest| rest.split('"').next().unwrap());
    let link = link.filter(|link| link.contains("/file?")).find(|link| link.ends_with("%E5%8A%9E%E5%85%AC"));
    let answer = get(&link.expect("a link to the folder").replace("&amp;", "&"));
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/zip");
    assert!(answer.headers()["content-disposition"].to_str().unwrap().contains("%E5%8A%9E%E5%85%AC.zip"));
    let zip = here.join("page.zip");
    fs::write(&zip, answer.bytes().unwrap()).unwrap();
    unpack("unzip", &["-q"], &zip, &here.join("page"));
    assert_same(&in_a_zip(folder), &in_a_zip(&here.join("page/办公")));
}

#[test]
fn what_a_disk_spoilt_is_named_and_the_archive_is_partial() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    staff.set_paths(&[&disk]);
    for (n, name) in ["a.bin", "lost.bin", "z.bin"].into_iter().enumerate() {
        let mut state = n as u64 + 1;
        let noise = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        fs::write(disk.join(name), (0..2_000_000).map(noise).collect::<Vec<_>>()).unwrap();
        staff.run(["backup", &host, "--watch"]).ok();
        until("it is told", || staff.json(&["snapshots", &host]).as_array().unwrap().len() == n + 1);
    }
    let kit = staff.json(&["recovery-kit", &host]);
    let data = PathBuf::from(kit["repository"].as_str().unwrap()).join("data");
    let out = agent.restored().join("out");
    let whole = |name: &str| {
        let path = disk.join(name);
        staff.run(["download", &host, "latest", text(&path), "--force", "--to", text(&out)]).code == 0
    };
    let packs = walkdir::WalkDir::new(data).into_iter().map(|entry| entry.unwrap().into_path());
    for pack in packs.filter(|pack| fs::metadata(pack).unwrap().len() > 100_000 && pack.is_file()) {
        let sound = fs::read(&pack).unwrap();
        let mut spoilt = sound.clone();
        let middle = spoilt.len() / 2;
        spoilt[middle] ^= 1;
        fs::write(&pack, spoilt).unwrap();
        if !whole("lost.bin") {
            break;
        }
        fs::write(&pack, sound).unwrap();
    }
    assert!(!whole("lost.bin") && whole("a.bin") && whole("z.bin"));
    for (format, program, options) in [("zip", "unzip", &["-q"][..]), ("tar", "tar", &["-xpf"][..])] {
        let archive = agent.restored().join(format!("archive.{format}"));
        let got = staff.run(["download", &host, "latest", text(&disk), "--format", format, "--to", text(&archive)]);
        assert_eq!(got.code, 3, "{got:?}");
        assert!(got.err.contains("left out") && got.err.contains("lost.bin") && !got.err.contains("z.bin"), "{got:?}");
        let into = agent.restored().join(format);
        unpack(program, options, &archive, &into);
        let top = into.join(disk.file_name().unwrap());
        for name in ["a.bin", "z.bin"] {
            assert_eq!(fs::read(top.join(name)).unwrap(), fs::read(disk.join(name)).unwrap(), "{name}");
        }
        assert!(!top.join("lost.bin").exists());
        let told = fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().path());
        let told = told.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect::<String>();
        assert!(told.contains("lost.bin"), "{told}");
    }
}

#[test]
fn what_newer_rules_find_in_a_snapshot_is_not_handed_out() {
    let (controller, staff, agent) = fleet();
    let (host, disk, here) = (agent.host(), agent.disk().join("文件 documents"), agent.restored());
    fs::create_dir(&disk).unwrap();
    staff.set_paths(&[&disk]);
    let (letter, plain) = (disk.join("letter.txt"), disk.join("plain.txt"));
    fs::write(&letter, "Dear colleague").unwrap();
    fs::write(&plain, "nothing to see").unwrap();
    fs::write(disk.join("empty"), "").unwrap();
    // Larger than what is read at once, and than a piece of what is handed out.
    let noise: Vec<u8> = (0..5_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(disk.join("mail.pst"), &noise).unwrap();
    staff.run(["backup", &host, "--watch"]).ok();
    let get = |words: &[&str], to: &Path| {
        staff.run([&["download", host.as_str(), "latest"], words, &["--to", text(to)]].concat())
    };

    // By the rules that judged it there is nothing to look at.
    let got = get(&[text(&letter)], &here.join("before")).ok();
    assert!(!got.err.contains("note:"), "{got:?}");
    assert_eq!(staff.json(&["detections"]).as_array().unwrap().len(), 0);

    let rules = crate::scan::rules(&agent.disk());
    fs::write(rules.join("more.yar"), "rule Letter { strings: $a = \"Dear colleague\" condition: $a }").unwrap();
    staff.import(&rules).ok();
    let refused = get(&[text(&letter)], &here.join("after"));
    assert!(refused.code == 1 && refused.err.contains("infected (Letter)"), "{refused:?}");
    assert!(!here.join("after").exists(), "nothing of it has come");
    let found = staff.json(&["detections", "--host", &host]);
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!((&found[0]["rule"], &found[0]["bundle"]), (&"Letter".into(), &2.into()), "{found}");
    assert!(found[0]["path"].as_str().unwrap().ends_with("letter.txt") && found[0]["job"].is_null(), "{found}");

    // What a PC says of its own snapshot is no reason not to look: here by a policy that is another now.
    agent.until_bundle(2);
    let backup = format!("backup: {{schedule: '', paths: [{disk:?}]}}");
    staff.set_policy(&format!("{backup}\nscan: {{schedule: '', disabled: [Letter]}}"));
    let second = disk.join("second.txt");
    fs::write(&second, "Dear colleague, once more").unwrap();
    staff.run(["backup", &host, "--watch"]).ok();
    staff.set_policy(&format!("{backup}\nscan: {{schedule: ''}}"));
    let refused = get(&[text(&second)], &here.join("second"));
    assert!(refused.code == 1 && refused.err.contains("infected (Letter)"), "{refused:?}");

    // All else comes, and is what it was.
    get(&[text(&plain)], &here.join("plain")).ok();
    assert_eq!(fs::read_to_string(here.join("plain")).unwrap(), "nothing to see");
    for (format, program, options) in [("zip", "unzip", &["-q"][..]), ("tar", "tar", &["-xpf"])] {
        let archive = here.join(format!("all.{format}"));
        let got = get(&[text(&disk), "--format", format], &archive);
        assert!(got.code == 3 && got.err.contains("letter.txt: it is infected"), "{got:?}");
        let out = here.join(format);
        unpack(program, options, &archive, &out);
        let out = out.join("文件 documents");
        assert_eq!(fs::read(out.join("mail.pst")).unwrap(), noise);
        assert_eq!(fs::read_to_string(out.join("plain.txt")).unwrap(), "nothing to see");
        assert!(out.join("empty").exists() && !out.join("letter.txt").exists());
    }
    // An administrator may say otherwise.
    get(&[text(&letter), "--infected"], &here.join("infected")).ok();
    assert_eq!(fs::read_to_string(here.join("infected")).unwrap(), "Dear colleague");
    assert_eq!(fs::read_dir(controller.data().join("scratch")).unwrap().count(), 0, "no copy is left");

    // Rules that cannot be had: it comes, and says so.
    for file in fs::read_dir(controller.data().join("signatures/targets")).unwrap() {
        fs::write(file.unwrap().path(), "spoilt").unwrap();
    }
    fs::remove_dir_all(controller.data().join("compiled")).unwrap();
    let got = get(&[text(&plain)], &here.join("doubtful")).ok();
    assert!(got.err.contains("not all of this was scanned") && got.err.contains("import the signatures"), "{got:?}");
}

/// Children of the controller that hand something out.
fn handing_out(controller: &Controller) -> Vec<i32> {
    let listed = Command::new("pgrep").args(["-f", "-P", &controller.pid().to_string(), "handout"]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().lines().map(|pid| pid.parse().unwrap()).collect()
}

fn kill_all_that_hand_out(controller: &Controller) {
    for pid in handing_out(controller) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    }
}

#[test]
fn readers_that_stop_take_sixteen_places_at_most_and_a_child_that_dies_harms_nobody_else() {
    let (controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    // More than sockets and pipes hold.
    plant_office(&disk);
    let noise = fs::read(disk.join("mail.pst")).unwrap();
    fs::write(disk.join("mail.pst"), noise.repeat(4)).unwrap();
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();
    let snapshot = staff.json(&["snapshots", &host])[0]["id"].as_str().unwrap().to_owned();
    let path = disk.join("mail.pst").to_str().unwrap().to_owned();
    let address = format!("/hosts/{host}/snapshots/{snapshot}/file?path={path}");

    let mut readers = Vec::new();
    for _ in 0..16 {
        // A connection of its own: what one does not read keeps no other one waiting.
        let answer = visitor(&controller).get(&address);
        assert_eq!(answer.status(), StatusCode::OK);
        readers.push(answer);
    }
    let refused = visitor(&controller).get(&address);
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert!(refused.text().unwrap().contains("16 downloads"));
    assert_eq!(handing_out(&controller).len(), 16);

    kill_all_that_hand_out(&controller);
    for reader in readers {
        assert!(reader.bytes().is_err(), "what was cut off looked whole");
    }
    until("their places are free", || handing_out(&controller).is_empty());
    let again = visitor(&controller).get(&address);
    assert_eq!(again.bytes().unwrap().len(), fs::metadata(&path).unwrap().len() as usize);
    until("that one is done", || handing_out(&controller).is_empty());

    // At the command line it is said what happened, and what to do.
    let download = |to: &str| staff.begin(["download", host.as_str(), "latest", path.as_str(), "--to", to]);
    let in_the_middle = download("-");
    until("it is being handed out", || !handing_out(&controller).is_empty());
    kill_all_that_hand_out(&controller);
    let cut = in_the_middle.ended();
    assert_eq!(cut.code, 1, "{}", cut.err);
    for words in ["the process that reads it ended", "signal: 9", "try again"] {
        assert!(cut.err.contains(words), "{words}: {}", cut.err);
    }
    let whole = agent.restored().join("mail.pst");
    download(text(&whole)).ended().ok();
    assert!(fs::read(&whole).unwrap() == fs::read(&path).unwrap(), "the next one is not whole");
}
