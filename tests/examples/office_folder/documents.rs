//! What office programs save: real containers, since the bench opens them.

use crate::chance::Chance;
use crate::words::{self, sentence};
use flate2::{Compression, write::ZlibEncoder};
use std::fmt::Write as _;
use std::io::{self, Cursor, Write};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Text of these documents shrinks about so many times.
const SHRINKS: usize = 5;

/// A zip in memory.
struct Package(ZipWriter<Cursor<Vec<u8>>>);

impl Package {
    fn new() -> Self {
        Self(ZipWriter::new(Cursor::new(vec![])))
    }

    fn deflated(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.0.start_file(name, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated))?;
        self.0.write_all(content)
    }

    fn stored(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.0.start_file(name, SimpleFileOptions::default().compression_method(CompressionMethod::Stored))?;
        self.0.write_all(content)
    }

    fn done(self) -> io::Result<Vec<u8>> {
        Ok(self.0.finish()?.into_inner())
    }
}

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const OFFICE: &str = "http://schemas.openxmlformats.org";

fn office(main: &str, content_type: &str) -> io::Result<Package> {
    let mut package = Package::new();
    let content = "application/vnd.openxmlformats-officedocument";
    package.deflated("[Content_Types].xml", format!("{XML}<Types xmlns=\"{OFFICE}/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Default Extension=\"jpeg\" ContentType=\"image/jpeg\"/><Override PartName=\"/{main}\" ContentType=\"{content}.{content_type}.main+xml\"/></Types>").as_bytes())?;
    package.deflated("_rels/.rels", format!("{XML}<Relationships xmlns=\"{OFFICE}/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument/2006/relationships/officeDocument\" Target=\"{main}\"/></Relationships>").as_bytes())?;
    Ok(package)
}

/// Two of five documents hold pictures, which make up half of them.
fn pictures(package: &mut Package, folder: &str, size: usize, chance: &mut Chance) -> io::Result<usize> {
    if size < 20_000 || chance.below(5) > 1 {
        return Ok(size);
    }
    let count = 1 + chance.below(4) as usize;
    for at in 1..=count {
        let picture = jpeg(size / 2 / count, chance);
        package.stored(&format!("{folder}/media/image{at}.jpeg"), &picture)?;
    }
    Ok(size / 2)
}

pub(crate) fn docx(size: usize, chance: &mut Chance) -> io::Result<Vec<u8>> {
    let mut package = office("word/document.xml", "wordprocessingml.document")?;
    let size = pictures(&mut package, "word", size, chance)?;
    let mut xml = format!("{XML}<w:document xmlns:w=\"{OFFICE}/wordprocessingml/2006/main\"><w:body>");
    while xml.len() < size * SHRINKS {
        let rsid = (chance.zipf(60) * 0x0135_79bd) & 0xffff_ffff;
        let _ = write!(
            xml,
            "<w:p w:rsidR=\"{rsid:08X}\" w:rsidRDefault=\"{rsid:08X}\"><w:pPr><w:pStyle w:val=\"Normal\"/><w:spacing w:line=\"360\" w:lineRule=\"auto\"/><w:jc w:val=\"both\"/></w:pPr>"
        );
        for _ in 0..1 + chance.below(6) {
            xml.push_str("<w:r><w:rPr><w:rFonts w:ascii=\"Calibri\" w:hAnsi=\"Calibri\" w:hint=\"eastAsia\"/><w:color w:val=\"000000\"/><w:sz w:val=\"21\"/><w:lang w:eastAsia=\"zh-CN\"/></w:rPr><w:t xml:space=\"preserve\">");
            sentence(&mut xml, chance);
            xml.push_str("</w:t></w:r>");
        }
        xml.push_str("</w:p>");
    }
    xml.push_str("<w:sectPr/></w:body></w:document>");
    package.deflated("word/document.xml", xml.as_bytes())?;
    package.deflated("docProps/app.xml", format!("{XML}<Properties xmlns=\"{OFFICE}/officeDocument/2006/extended-properties\"><Application>Office</Application></Properties>").as_bytes())?;
    package.done()
}

pub(crate) fn xlsx(size: usize, chance: &mut Chance) -> io::Result<Vec<u8>> {
    let mut package = office("xl/workbook.xml", "spreadsheetml.sheet")?;
    let main = format!("{OFFICE}/spreadsheetml/2006/main");
    let sheets = 1 + chance.below(3) as usize;
    let list: String = (1..=sheets).map(|at| format!("<sheet name=\"Sheet{at}\" sheetId=\"{at}\"/>")).collect();
    package.deflated(
        "xl/workbook.xml",
        format!("{XML}<workbook xmlns=\"{main}\"><sheets>{list}</sheets></workbook>").as_bytes(),
    )?;
    let strings = 20 + size / 600;
    for at in 1..=sheets {
        let mut xml = format!("{XML}<worksheet xmlns=\"{main}\"><sheetData>");
        let mut row = 0;
        while xml.len() < size * 4 * SHRINKS / 5 / sheets {
            row += 1;
            let _ = write!(xml, "<row r=\"{row}\" spans=\"1:6\">");
            for column in ["A", "B"] {
                let _ = write!(xml, "<c r=\"{column}{row}\" s=\"2\" t=\"s\"><v>{}</v></c>", chance.zipf(strings));
            }
            for column in ["C", "D", "E", "F"] {
                let value = chance.below(5_000_000);
                let _ = write!(xml, "<c r=\"{column}{row}\" s=\"1\"><v>{}.{:02}</v></c>", value / 100, value % 100);
            }
            xml.push_str("</row>");
        }
        xml.push_str("</sheetData></worksheet>");
        package.deflated(&format!("xl/worksheets/sheet{at}.xml"), xml.as_bytes())?;
    }
    let mut xml = format!("{XML}<sst xmlns=\"{main}\">");
    for _ in 0..strings {
        xml.push_str("<si><t>");
        sentence(&mut xml, chance);
        xml.push_str("</t></si>");
    }
    xml.push_str("</sst>");
    package.deflated("xl/sharedStrings.xml", xml.as_bytes())?;
    package.done()
}

/// Pages of text in streams, most with a scanned picture, and a table of where all is.
pub(crate) fn pdf(size: usize, chance: &mut Chance) -> io::Result<Vec<u8>> {
    let mut pdf = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = vec![];
    let mut object = |pdf: &mut Vec<u8>, dictionary: &str, stream: Option<&[u8]>| -> io::Result<()> {
        places.push(pdf.len());
        write!(pdf, "{} 0 obj\n{dictionary}\n", places.len())?;
        if let Some(stream) = stream {
            pdf.extend_from_slice(b"stream\n");
            pdf.extend_from_slice(stream);
            pdf.extend_from_slice(b"\nendstream\n");
        }
        pdf.extend_from_slice(b"endobj\n");
        Ok(())
    };
    object(&mut pdf, "<< /Type /Catalog /Pages 2 0 R >>", None)?;
    let pages = 1 + size / 60_000;
    let kids: String = (0..pages).map(|page| format!("{} 0 R ", 4 + page * 3)).collect();
    object(&mut pdf, &format!("<< /Type /Pages /Count {pages} /Kids [ {kids}] >>"), None)?;
    object(&mut pdf, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", None)?;
    for page in 0..pages {
        let (text, picture) = (5 + page * 3, 6 + page * 3);
        object(
            &mut pdf,
            &format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {text} 0 R /Resources << /Font << /F1 3 0 R >> /XObject << /Im1 {picture} 0 R >> >> >>"
            ),
            None,
        )?;
        let whole = size / pages;
        let share = 1 + chance.below(9) as usize;
        let stream = deflate(&page_text(whole * share / 10 * 4, chance))?;
        object(&mut pdf, &format!("<< /Length {} /Filter /FlateDecode >>", stream.len()), Some(&stream))?;
        let image = jpeg(whole * (10 - share) / 10, chance);
        let dictionary = format!(
            "<< /Type /XObject /Subtype /Image /Width 1240 /Height 1754 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode /Length {} >>",
            image.len()
        );
        object(&mut pdf, &dictionary, Some(&image))?;
    }
    let table = pdf.len();
    write!(pdf, "xref\n0 {}\n0000000000 65535 f \n", places.len() + 1)?;
    for place in &places {
        writeln!(pdf, "{place:010} 00000 n ")?;
    }
    write!(pdf, "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", places.len() + 1)?;
    Ok(pdf)
}

fn page_text(size: usize, chance: &mut Chance) -> Vec<u8> {
    let mut text = String::from("BT /F1 11 Tf 14 TL 50 790 Td\n");
    let mut line = String::new();
    while text.len() < size {
        line.clear();
        sentence(&mut line, chance);
        text.push('<');
        for unit in line.encode_utf16() {
            let _ = write!(text, "{unit:04X}");
        }
        let _ = writeln!(text, "> Tj T* {} 0 Td", chance.below(300));
    }
    text.push_str("ET\n");
    text.into_bytes()
}

fn deflate(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(vec![], Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}

/// A picture's frame around what nobody can compress.
pub(crate) fn jpeg(size: usize, chance: &mut Chance) -> Vec<u8> {
    let mut jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x48\0\x48\0\0".to_vec();
    jpeg.extend_from_slice(b"\xff\xc0\0\x11\x08\x06\xda\x04\xd8\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
    jpeg.extend_from_slice(b"\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0");
    for byte in chance.noise(size) {
        jpeg.push(byte);
        if byte == 0xff {
            jpeg.push(0);
        }
    }
    jpeg.extend_from_slice(b"\xff\xd9");
    jpeg
}

/// What somebody packed for somebody.
pub(crate) fn archive(size: usize, chance: &mut Chance) -> io::Result<Vec<u8>> {
    let mut package = Package::new();
    let count = 1 + chance.below(8) as usize;
    for at in 0..count {
        let share = (size / count).max(200);
        let (extension, content) = match chance.below(5) {
            0 => ("docx", docx(share, chance)?),
            1 => ("xlsx", xlsx(share, chance)?),
            2 => ("jpg", jpeg(share, chance)),
            3 => ("pdf", pdf(share, chance)?),
            _ => ("txt", words::prose(share * 3, chance).into_bytes()),
        };
        package.deflated(&format!("资料/{} {at}.{extension}", words::title(chance)), &content)?;
    }
    package.done()
}

/// A compound file with the streams that Word 97 left.
pub(crate) fn legacy(size: usize, chance: &mut Chance) -> io::Result<Vec<u8>> {
    let mut file = cfb::CompoundFile::create(Cursor::new(vec![]))?;
    let text: Vec<u8> = words::prose(size, chance).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let table = chance.noise(size / 10);
    for (name, content) in [("/WordDocument", &text), ("/1Table", &table), ("/\u{5}SummaryInformation", &table)] {
        file.create_stream(name)?.write_all(&content[..content.len().min(size)])?;
    }
    file.flush()?;
    Ok(file.into_inner().into_inner())
}
