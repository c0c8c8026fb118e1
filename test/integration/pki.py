"""Certificates made by the openssl tool, for tests of TLS. Files lie in one folder; names of files are their subjects."""
import hashlib
import base64
import pathlib
import ssl
import subprocess


def openssl(*arguments, data=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


KEYS = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}


class Certificate:
    def __init__(self, stem):
        self.chain, self.key = f"{stem}.pem", f"{stem}.key"

    @property
    def files(self):
        return self.chain, self.key

    @property
    def pem(self):
        return pathlib.Path(self.chain).read_text()

    @property
    def key_pem(self):
        return pathlib.Path(self.key).read_text()

    @property
    def der(self):
        return ssl.PEM_cert_to_DER_cert(self.pem[:self.pem.index("-----END") + 25])

    @property
    def sha256(self):
        return hashlib.sha256(self.der).hexdigest()

    @property
    def sha1(self):
        return hashlib.sha1(self.der).hexdigest()

    @property
    def public_key_pin(self):
        key = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        return base64.b64encode(hashlib.sha256(key).digest()).decode()

    @property
    def serial(self):
        return openssl("x509", "-in", self.chain, "-noout", "-serial").decode().strip().partition("=")[2]


class Authority(Certificate):
    """Signs itself, unless `issuer` signs it."""

    def __init__(self, folder, name, issuer=None, path_length=None):
        super().__init__(folder / name)
        self.folder, self.name = folder, name
        extension = "basicConstraints=critical,CA:TRUE" + (f",pathlen:{path_length}" if path_length is not None else "")
        if issuer is None:
            openssl("req", "-x509", *KEYS["ec"], "-nodes", "-keyout", self.key, "-out", self.chain, "-days", 30,
                    "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")
        else:
            issuer.sign(self, name, f"{extension}\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature\n", "ec", 30)

    def sign(self, certificate, name, extensions, key, days):
        request = openssl("req", "-new", *KEYS[key], "-nodes", "-keyout", certificate.key, "-subj", f"/O=Baton Test/CN={name}")
        extension_file = pathlib.Path(certificate.chain + ".ext")
        extension_file.write_text(extensions)
        openssl("x509", "-req", "-CA", self.chain, "-CAkey", self.key, "-days", days, "-extfile", extension_file,
                "-out", certificate.chain, data=request)

    def issue(self, name, *sans, key="ec", days=30, extra="", with_issuer=False):
        """`sans` as openssl writes them, "DNS:a.example"; a negative `days` makes an expired one."""
        certificate = Certificate(self.folder / f"{name}-{key}-{len(list(self.folder.iterdir()))}".replace("*", "any"))
        extensions = "basicConstraints=critical,CA:FALSE\n" + extra
        if sans:
            extensions += "subjectAltName=" + ",".join(sans) + "\n"
        self.sign(certificate, name, extensions, key, days)
        if with_issuer:
            with open(certificate.chain, "a") as chain:
                chain.write(self.pem)
        return certificate

    def revocation_list(self, *revoked):
        """The path of a list that revokes these certificates."""
        stem = self.folder / f"{self.name}-crl-{len(revoked)}"
        index = "".join(f"R\t400101000000Z\t200101000000Z\t{one.serial}\tunknown\t/CN=x\n" for one in revoked)
        pathlib.Path(f"{stem}.index").write_text(index)
        pathlib.Path(f"{stem}.cnf").write_text(
            f"[ca]\ndefault_ca=default\n[default]\ndatabase={stem}.index\ndefault_md=sha256\n")
        openssl("ca", "-gencrl", "-config", f"{stem}.cnf", "-cert", self.chain, "-keyfile", self.key, "-crldays", 30,
                "-out", f"{stem}.pem")
        return f"{stem}.pem"

    def staple(self, certificate):
        """The path of an OCSP response that calls a certificate good for a week."""
        stem = certificate.chain[:-len(".pem")]
        pathlib.Path(f"{stem}.index").write_text(f"V\t400101000000Z\t\t{certificate.serial}\tunknown\t/CN=x\n")
        openssl("ocsp", "-issuer", self.chain, "-cert", certificate.chain, "-no_nonce", "-reqout", f"{stem}.req")
        openssl("ocsp", "-index", f"{stem}.index", "-CA", self.chain, "-rsigner", self.chain, "-rkey", self.key,
                "-reqin", f"{stem}.req", "-ndays", 7, "-respout", f"{stem}.ocsp")
        return f"{stem}.ocsp"
