//! Files of other people: what is wrong is named by its line, the rest is taken in.

use std::fs;

use tests::tillmesh::Till;

#[test]
fn bad_rows_of_a_product_file_are_named_and_the_rest_is_imported() {
    let till = Till::new().unwrap();
    let mut file = b"sku,name,price,gtin\n".to_vec();
    file.extend_from_slice(b"A1,Tea,2.50,4006381333931\n");
    file.extend_from_slice(b"A2,Coffee,abc,\n");
    file.extend_from_slice(b"A3,Cocoa,1.00,4006381333930\n");
    file.extend_from_slice(b"A4,\xff\xfeMilk,1.00,\n");
    file.extend_from_slice(b"A5,Sugar,0.89,\n");
    fs::write(till.folder().join("products.csv"), file).unwrap();
    till.run(["--store", "shop", "init"]).unwrap().succeeded().unwrap();
    let import = ["--store", "shop", "--json", "import", "products", "products.csv"];
    let imported = till.run(import).unwrap().succeeded().unwrap().json().unwrap();
    assert_eq!(imported["imported"], 2);
    let lines: Vec<u64> = imported["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [3, 4, 5]);
    let sold = till.run(["--store", "shop", "--json", "sell", "4006381333931"]).unwrap();
    assert_eq!(sold.succeeded().unwrap().json().unwrap()["total"]["amount"], "2.50");
}

#[test]
fn an_unknown_product_is_refused_by_name() {
    let till = Till::new().unwrap();
    till.run(["--store", "shop", "init"]).unwrap().succeeded().unwrap();
    let refused = till.run(["--store", "shop", "sell", "NOSUCH"]).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("NOSUCH"), "{}", refused.stderr);
}

#[test]
fn without_a_store_every_command_says_what_to_do() {
    let till = Till::new().unwrap();
    for command in [vec!["sell", "A@1.00"], vec!["report", "sales"], vec!["stock"]] {
        let mut arguments = vec!["--store", "shop"];
        arguments.extend(&command);
        let refused = till.run(arguments).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{command:?}");
        assert!(refused.stderr.contains("tillmesh init"), "{command:?}: {}", refused.stderr);
    }
}
